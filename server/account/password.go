package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"github.com/chenu/chenu/server/problem"
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

// checkPassword refuses a new password that is too easy to guess, or too long. The
// password is normalised; known are words that an attacker tries first for this person.
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
	if easy {
		return &errWeakPassword{"password_too_common", "this password is among the first that would be guessed"}
	}
	return nil
}

// hasher makes and checks password hashes, a bounded number at a time: each takes 19
// MiB and a core for 20 to 170 ms. Safe for concurrent use.
type hasher struct {
	params argon2id.Params
	slots  *semaphore.Weighted
	// patience is how long one waits for its turn.
	patience time.Duration
	// dummy is a hash of no password, which is checked where there is no hash.
	dummy string
}

// hashPatience is some 25 turns on a slow core, and well below the time that a request may
// take.
const hashPatience = 5 * time.Second

func newHasher(params argon2id.Params, concurrency int) (*hasher, error) {
	if concurrency <= 0 {
		concurrency = max(1, runtime.GOMAXPROCS(0)/2)
	}
	dummy, err := argon2id.CreateHash("", &params)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &hasher{params: params, slots: semaphore.NewWeighted(int64(concurrency)), patience: hashPatience, dummy: dummy}, nil
}

// acquire waits for a turn: as long as ctx allows, and not so long that a flood of logins
// keeps every other one waiting until it times out.
func (h *hasher) acquire(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	err := h.slots.Acquire(waiting, 1)
	if err != nil && ctx.Err() == nil {
		return problem.New(http.StatusServiceUnavailable, "busy", "Too many passwords are being checked. Try again shortly.").
			WithRetryAfter(h.patience).WithCause(err)
	}
	return err
}

// hash returns the PHC string of a normalised password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", fmt.Errorf("wait to hash a password: %w", err)
	}
	defer h.slots.Release(1)
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
	return h.checkLater(ctx, password, func() (string, error) { return hash, nil })
}

// checkLater is check with a hash that is asked for when the turn has come.
func (h *hasher) checkLater(ctx context.Context, password string, hashOf func() (string, error)) (match, weak bool, err error) {
	if err := h.acquire(ctx); err != nil {
		return false, false, fmt.Errorf("wait to check a password: %w", err)
	}
	defer h.slots.Release(1)
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
