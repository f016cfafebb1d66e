package account

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/trustelem/zxcvbn"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/commonpassword"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/queue"
)

// Rules for passwords (NIST SP 800-63B-4 section 3.1.1.2: at least 15 characters where the password is the only
// factor, no composition rules, any Unicode characters, a blocklist, no truncation).
const (
	// MinPasswordLength and MaxPasswordLength count code points after normalization.
	MinPasswordLength = 15
	MaxPasswordLength = 256
	// minDistinct rejects passwords that repeat one or a few characters.
	minDistinct = 5
	// minGuesses is the minimum number of guesses, as zxcvbn estimates it, that an attacker needs who knows common
	// passwords, names, keyboard patterns and dates. Below this number, a password does not withstand guessing without
	// rate limits (Wheeler, USENIX Security 2016, section 5).
	minGuesses = 1e8
	// maxEstimated limits how many characters are estimated: the time grows with the cube of the length. Further
	// characters can only make a password harder to guess.
	maxEstimated = 48
)

// hashParams are the parameters that OWASP's password storage cheat sheet recommends for argon2id: 19 MiB, two passes,
// one lane. After they are raised, each password is hashed again at its next login.
var hashParams = argon2id.Params{
	Memory:      19 * 1024,
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16,
	KeyLength:   32,
}

// Limits for the parameters of a stored hash, so that a row cannot make a login take gigabytes.
const (
	maxHashMemory     = 256 * 1024 // KiB
	maxHashIterations = 16
)

// errWeakPassword describes the rule that a password breaks.
type errWeakPassword struct{ code, detail string }

func (e *errWeakPassword) Error() string { return e.detail }

// normalizePassword returns the NFC form of a password, so that the same characters typed on different keyboards are
// equal (RFC 8265 section 4.2.2). It changes nothing else.
func normalizePassword(password string) string { return norm.NFC.String(password) }

// checkPassword returns an error if a new password is too short, too long or too easy to guess. A password is too easy
// to guess if [commonpassword.Contains] reports it, in any case and with other separators, accents and final digits,
// or if zxcvbn estimates fewer than minGuesses guesses. The password is normalized. The words in known are words that
// an attacker tries first for this person.
func checkPassword(password string, known ...string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPasswordLength:
		return &errWeakPassword{"password_too_short", fmt.Sprintf("a password has at least %d characters", MinPasswordLength)}
	case n > MaxPasswordLength:
		return &errWeakPassword{"password_too_long", fmt.Sprintf("a password has at most %d characters", MaxPasswordLength)}
	}
	distinct := make(map[rune]struct{}, minDistinct)
	rising, falling, last := true, true, rune(-1)
	for _, r := range password {
		distinct[r] = struct{}{}
		if last >= 0 {
			rising, falling = rising && r == last+1, falling && r == last-1
		}
		last = r
	}
	easy := len(distinct) < minDistinct || rising || falling
	for _, word := range known {
		easy = easy || strings.EqualFold(password, word)
	}
	if easy || commonpassword.Contains(password) || guesses(password, known) < minGuesses {
		return &errWeakPassword{"password_too_common", "this password is among the first that would be guessed"}
	}
	return nil
}

// guesses estimates how many guesses a password withstands. The estimate considers the 30,000 most common passwords,
// common words and names, also with substituted letters, keyboard patterns, sequences, repetitions and dates, as well
// as the strings in known and their parts.
func guesses(password string, known []string) float64 {
	inputs := []string{"chenu", "che-nu"}
	for _, text := range known {
		inputs = append(inputs, strings.ToLower(text))
		inputs = append(inputs, strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	estimate := func(text string) float64 {
		if characters := []rune(text); len(characters) > maxEstimated {
			text = string(characters[:maxEstimated])
		}
		return zxcvbn.PasswordStrength(text, inputs).Guesses
	}
	rest, removed := withoutWords(password, inputs)
	if removed == 0 {
		return estimate(password)
	}
	return min(estimate(password), estimate(rest)*math.Pow(guessesByWord, float64(removed)))
}

// guessesByWord is the factor by which a word from known multiplies the guesses, for its position, its case and the
// separator next to it. zxcvbn multiplies its estimate by 10,000 for each part of a password, because it does not
// expect that all parts are known.
const guessesByWord = 10

// withoutWords removes each of the words from the password, in any case, with one separator
// on either side. It returns the rest and the number of words that it removed. Words of one
// or two characters stay, since they occur in other words.
func withoutWords(password string, words []string) (rest string, removed int) {
	var patterns []string
	for _, word := range words {
		if utf8.RuneCountInString(word) > 2 {
			patterns = append(patterns, regexp.QuoteMeta(word))
		}
	}
	// The longest word comes first: of an address and its local part, the whole address is removed.
	slices.SortFunc(patterns, func(a, b string) int { return len(b) - len(a) })
	word := regexp.MustCompile(`(?i)[^\pL\pN]?(?:` + strings.Join(patterns, "|") + `)[^\pL\pN]?`)
	return word.ReplaceAllString(password, ""), len(word.FindAllStringIndex(password, -1))
}

// hasher computes and checks password hashes, a limited number at a time: each takes 19 MiB and a core for 20 to 170
// ms. Callers hold no database connection while they wait or hash. It is safe for concurrent use.
type hasher struct {
	params argon2id.Params
	slots  *semaphore.Weighted
	// addresses and origins limit how many callers of one network, and of one network or session of one account, wait
	// for a slot at the same time. Further callers wait in the queues.
	addresses, origins *queue.Queue
	// timeout is the maximum time that a caller waits for a slot.
	timeout time.Duration
	// dummy is a hash of no known password. It is checked when there is no stored hash.
	dummy string
}

// hashTimeout is the time of about 25 hashes on a slow core, and well below the timeout of a request.
const hashTimeout = 5 * time.Second

// Limits of callers that wait for a slot or hash at the same time. People share networks, so a network may have more
// callers than one account on it.
const (
	hashesByAddress = 8
	hashesByOrigin  = 2
	// maxHashQueue is how many further callers of one network or origin may wait.
	maxHashQueue = 64
)

func newHasher(params argon2id.Params, concurrency int) *hasher {
	if concurrency <= 0 {
		concurrency = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &hasher{
		params: params, slots: semaphore.NewWeighted(int64(concurrency)), timeout: hashTimeout, dummy: dummyHash(params),
		addresses: queue.New(queue.Config{Active: hashesByAddress, Waiting: maxHashQueue}),
		origins:   queue.New(queue.Config{Active: hashesByOrigin, Waiting: maxHashQueue}),
	}
}

// dummyHash returns a hash that takes as long to check as one with the parameters: its salt and key are zero.
func dummyHash(params argon2id.Params) string {
	zeros := func(length uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, length)) }
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", params.Memory, params.Iterations, params.Parallelism,
		zeros(params.SaltLength), zeros(params.KeyLength))
}

// asker identifies the requester of a hash: the network of the request, and the account with its session or network.
// Empty parts are not limited.
type asker struct{ address, origin string }

// askerOf returns the asker of a request about the account who.ID. A session counts separately, so that guesses of
// strangers do not delay the owner of the account.
func askerOf(ctx context.Context, who auth.Identity) asker {
	request, _ := auth.RequestFrom(ctx)
	a := asker{address: api.ClientNetwork(request.IP)}
	switch {
	case who.ID == uuid.Nil:
	case who.SessionID != uuid.Nil:
		a.origin = who.ID.String() + " " + who.SessionID.String()
	default:
		a.origin = who.ID.String() + " " + a.address
	}
	return a
}

// acquire waits for a slot and returns a function that releases it. It waits at most until ctx is done or timeout has
// passed, so that a flood of logins does not keep other callers waiting until they time out.
func (h *hasher) acquire(ctx context.Context, who asker) (release func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var leave []func()
	release = func() {
		for _, f := range slices.Backward(leave) {
			f()
		}
	}
	enter := func(q *queue.Queue, key string) error {
		if key == "" {
			return nil
		}
		f, err := q.Enter(waiting, key)
		if err == nil {
			leave = append(leave, f)
		}
		return err
	}
	if err = enter(h.addresses, who.address); err == nil {
		err = enter(h.origins, who.origin)
	}
	if err == nil {
		err = h.slots.Acquire(waiting, 1)
	}
	switch {
	case err == nil:
		leave = append(leave, func() { h.slots.Release(1) })
		return release, nil
	case ctx.Err() == nil:
		err = problem.New(http.StatusServiceUnavailable, "busy", "Too many passwords are being checked. Try again shortly.").
			WithRetryAfter(h.timeout).WithCause(err)
	}
	release()
	return nil, err
}

// hash returns the PHC string of a normalized password.
func (h *hasher) hash(ctx context.Context, who asker, password string) (string, error) {
	release, err := h.acquire(ctx, who)
	if err != nil {
		return "", fmt.Errorf("wait to hash a password: %w", err)
	}
	defer release()
	hash, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// check reports whether the normalized password matches hash, and whether hash is weaker than the current parameters
// and must be replaced. An empty hash matches no password, after the same amount of work.
func (h *hasher) check(ctx context.Context, password, hash string) (match, weak bool, err error) {
	return h.checkLater(ctx, asker{}, password, func() (string, error) { return hash, nil })
}

// checkLater is like check, but calls hashOf for the hash once it has a slot.
func (h *hasher) checkLater(ctx context.Context, who asker, password string, hashOf func() (string, error)) (match, weak bool, err error) {
	release, err := h.acquire(ctx, who)
	if err != nil {
		return false, false, fmt.Errorf("wait to check a password: %w", err)
	}
	defer release()
	hash, err := hashOf()
	if err != nil {
		return false, false, err
	}
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	params, _, _, err := argon2id.DecodeHash(hash)
	switch {
	case err != nil:
		return false, false, fmt.Errorf("read a password hash: %w", err)
	case params.Memory > maxHashMemory, params.Iterations > maxHashIterations,
		params.Iterations == 0, params.Parallelism == 0, params.KeyLength == 0:
		return false, false, errors.New("read a password hash: its parameters are out of bounds")
	}
	match, err = argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("check a password: %w", err)
	}
	weak = params.Memory < h.params.Memory || params.Iterations < h.params.Iterations ||
		params.SaltLength < h.params.SaltLength || params.KeyLength < h.params.KeyLength
	return match && known, weak, nil
}
