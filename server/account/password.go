package account

import (
	"context"
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

// What a password has to be (NIST SP 800-63B-4 section 3.1.1.2: at least 15 characters
// where the password is the only factor, no rules of composition, Unicode welcome, a
// list of what is refused, never truncated).
const (
	// MinPasswordLength and MaxPasswordLength count code points after normalisation.
	MinPasswordLength = 15
	MaxPasswordLength = 256
	// minDistinct refuses what is one or a few characters over and over.
	minDistinct = 5
	// minGuesses is how many guesses an attacker who knows common passwords, names, keyboard
	// patterns and dates needs at least, as zxcvbn estimates it. Below it a password does not
	// withstand guessing without rate limits (Wheeler, USENIX Security 2016, section 5).
	minGuesses = 1e8
	// maxEstimated bounds the characters that are estimated: the time grows with the third
	// power of the length. What follows them only makes a password harder to guess.
	maxEstimated = 48
)

// hashParams are what OWASP's password storage cheat sheet recommends for argon2id:
// 19 MiB, two passes, one lane. Raising them re-hashes each password at its next login.
var hashParams = argon2id.Params{
	Memory:      19 * 1024,
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16,
	KeyLength:   32,
}

// What a stored hash may demand, so that a row can't make a login take gigabytes.
const (
	maxHashMemory     = 256 * 1024 // KiB
	maxHashIterations = 16
)

// errWeakPassword says which rule a password breaks.
type errWeakPassword struct{ code, detail string }

func (e *errWeakPassword) Error() string { return e.detail }

// normalizePassword gives one form to what a person types the same on different
// keyboards (NFC, as RFC 8265 section 4.2.2 has it). Nothing else is changed.
func normalizePassword(password string) string { return norm.NFC.String(password) }

// checkPassword refuses a new password that is too easy to guess, or too long. A password is too easy to
// guess if [commonpassword.Contains] knows it, in any case and with other separators, accents and final
// digits, or if zxcvbn estimates less than minGuesses. The password is normalised; known are words that
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

// guesses estimates how many guesses a password withstands. It knows the 30,000 most common
// passwords, common words and names, also in other letters, keyboard patterns, sequences,
// repetitions and dates; and what is known of the person, in parts.
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

// guessesByWord is how many guesses a word that is known of the person adds, with its place,
// its case and the separator next to it. zxcvbn multiplies its estimate by 10,000 for each
// part of a password, as it does not expect that all parts are known of the person.
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
	// The longest word first: of an address and its first part, the address is removed.
	slices.SortFunc(patterns, func(a, b string) int { return len(b) - len(a) })
	word := regexp.MustCompile(`(?i)[^\pL\pN]?(?:` + strings.Join(patterns, "|") + `)[^\pL\pN]?`)
	return word.ReplaceAllString(password, ""), len(word.FindAllStringIndex(password, -1))
}

// hasher makes and checks password hashes, a bounded number at a time: each takes 19
// MiB and a core for 20 to 170 ms. Callers hold no database connection while they wait or
// hash. Safe for concurrent use.
type hasher struct {
	params argon2id.Params
	slots  *semaphore.Weighted
	// addresses and origins let one network, and one network or session of one account,
	// have a few callers among those that wait for a slot. The other callers wait outside.
	addresses, origins *queue.Queue
	// patience is how long a caller waits for its turn.
	patience time.Duration
	// dummy is a hash of no password, which is checked where there is no hash.
	dummy string
}

// hashPatience is some 25 turns on a slow core, and well below the time that a request may
// take.
const hashPatience = 5 * time.Second

// How many callers wait for a slot or hash at the same time. Networks are shared by people,
// so that a network has more callers than one account on it.
const (
	hashesByAddress = 8
	hashesByOrigin  = 2
	// maxHashQueue is how many more callers of one network or origin may wait.
	maxHashQueue = 64
)

func newHasher(params argon2id.Params, concurrency int) (*hasher, error) {
	if concurrency <= 0 {
		concurrency = max(1, runtime.GOMAXPROCS(0)/2)
	}
	dummy, err := argon2id.CreateHash("", &params)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &hasher{
		params: params, slots: semaphore.NewWeighted(int64(concurrency)), patience: hashPatience, dummy: dummy,
		addresses: queue.New(queue.Config{Active: hashesByAddress, Waiting: maxHashQueue}),
		origins:   queue.New(queue.Config{Active: hashesByOrigin, Waiting: maxHashQueue}),
	}, nil
}

// asker is who asks for a hash: the network of the request, and the account with its session
// or network. Empty parts are not bounded.
type asker struct{ address, origin string }

// askerOf is the asker of a request about the account of who. A session counts by itself, so
// that guesses of strangers do not delay the account's owner.
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

// acquire waits for a turn and returns a function that ends it. It waits as long as ctx
// allows, and not so long that a flood of logins keeps every other caller waiting until it
// times out.
func (h *hasher) acquire(ctx context.Context, who asker) (release func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, h.patience)
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
			WithRetryAfter(h.patience).WithCause(err)
	}
	release()
	return nil, err
}

// hash returns the PHC string of a normalised password.
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

// check says whether the normalised password is the one of hash, and whether hash is to
// be made anew because it is weaker than today's. An empty hash is no password's, after
// the same work.
func (h *hasher) check(ctx context.Context, password, hash string) (match, weak bool, err error) {
	return h.checkLater(ctx, asker{}, password, func() (string, error) { return hash, nil })
}

// checkLater is check with a hash that is asked for when the turn has come.
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
