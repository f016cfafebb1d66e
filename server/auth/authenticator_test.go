package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

// synctestRun runs f in a synctest bubble, whose clock advances only while all goroutines are blocked.
func synctestRun(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

// states implements Sessions in memory.
type states struct {
	mu    sync.Mutex
	ended map[uuid.UUID]bool
	err   error
	reads atomic.Int64
	wait  chan struct{}
}

func (s *states) Alive(ctx context.Context, id Identity) (bool, error) {
	s.reads.Add(1)
	if s.wait != nil {
		select {
		case <-s.wait:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ended[id.SessionID], s.err
}

func (s *states) end(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[id] = true
}

func newAuthenticator(t testing.TB) (*bundle, *states, *Authenticator) {
	t.Helper()
	b := newBundle(t)
	s := &states{ended: map[uuid.UUID]bool{}}
	return b, s, NewAuthenticator(b.verifier, s)
}

func request(t testing.TB, authorization ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/me?access_token=x", nil)
	r.Header["Authorization"] = authorization
	return r
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	b, _, a := newAuthenticator(t)
	token := b.issue(t)
	for name, test := range map[string]struct {
		header []string
		want   error
	}{
		"none":                   {nil, ErrNoCredentials},
		"empty":                  {[]string{""}, ErrNoCredentials},
		"basic":                  {[]string{"Basic YTpi"}, ErrNoCredentials},
		"token without a scheme": {[]string{token}, ErrNoCredentials},
		"scheme without a token": {[]string{"Bearer"}, ErrMalformedCredentials},
		"scheme and blanks":      {[]string{"Bearer   "}, ErrMalformedCredentials},
		"two headers":            {[]string{"Bearer " + token, "Bearer " + token}, ErrMalformedCredentials},
		"two tokens":             {[]string{"Bearer " + token + " " + token}, ErrInvalidToken},
		"list of tokens":         {[]string{"Bearer " + token + ", Bearer " + token}, ErrInvalidToken},
		"parameter":              {[]string{"Bearer token=" + token}, ErrInvalidToken},
		"tab":                    {[]string{"Bearer\t" + token}, ErrNoCredentials},
		"valid":                  {[]string{"Bearer " + token}, nil},
		"scheme in lower case":   {[]string{"bearer " + token}, nil},
		"more blanks":            {[]string{"Bearer  " + token}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := a.Authenticate(request(t, test.header...))
			if !errors.Is(err, test.want) {
				t.Errorf("err = %v, want %v", err, test.want)
			}
			if (err == nil) != (id.ID == b.id.ID) {
				t.Errorf("identity = %v", id)
			}
		})
	}
}

func TestEndedSession(t *testing.T) {
	t.Parallel()
	synctestRun(t, func(t *testing.T) {
		b, s, a := newAuthenticator(t)
		r := request(t, "Bearer "+b.issue(t))
		for range 100 {
			if _, err := a.Authenticate(r); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.reads.Load(); n != 1 {
			t.Errorf("100 requests checked the session %d times", n)
		}
		s.end(b.id.SessionID) // on another instance
		if _, err := a.Authenticate(r); err != nil {
			t.Errorf("within the TTL: %v", err)
		}
		time.Sleep(SessionTTL + time.Millisecond) //nolint:forbidigo // advances the clock of the bubble
		_, err := a.Authenticate(r)
		wantInvalid(t, err)
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	b, s, a := newAuthenticator(t)
	r := request(t, "Bearer "+b.issue(t))
	if _, err := a.Authenticate(r); err != nil {
		t.Fatal(err)
	}
	s.end(b.id.SessionID)
	a.Forget(b.id)
	_, err := a.Authenticate(r)
	wantInvalid(t, err)
}

// TestSessionOfAnother checks that a cached session of one identity is not used for a token of another identity with
// the same session id.
func TestSessionOfAnother(t *testing.T) {
	t.Parallel()
	b, s, a := newAuthenticator(t)
	if _, err := a.Authenticate(request(t, "Bearer "+b.issue(t))); err != nil {
		t.Fatal(err)
	}
	b.id.ID = uuid.Must(uuid.NewV7())
	b.id.ActorID = b.id.ID
	before := s.reads.Load()
	if _, err := a.Authenticate(request(t, "Bearer "+b.issue(t))); err != nil {
		t.Fatal(err)
	}
	if s.reads.Load() == before {
		t.Error("the session of the other identity was not checked")
	}
}

func TestSessionsLookedAtOnce(t *testing.T) {
	t.Parallel()
	synctestRun(t, func(t *testing.T) {
		b, s, a := newAuthenticator(t)
		s.wait = make(chan struct{})
		r := request(t, "Bearer "+b.issue(t))
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := a.Authenticate(r.Clone(first)); !errors.Is(err, context.Canceled) {
				t.Errorf("the first caller: %v", err)
			}
		})
		synctest.Wait()
		for range 20 {
			wg.Go(func() {
				if _, err := a.Authenticate(r); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel() // The first caller disconnects; the others still get a result.
		synctest.Wait()
		close(s.wait)
		wg.Wait()
		if n := s.reads.Load(); n != 1 {
			t.Errorf("checked the session %d times", n)
		}
	})
}

func TestSessionUnknown(t *testing.T) {
	t.Parallel()
	b, s, a := newAuthenticator(t)
	s.err = errors.New("connection refused")
	r := request(t, "Bearer "+b.issue(t))
	for range 2 {
		if _, err := a.Authenticate(r); err == nil || errors.Is(err, ErrInvalidToken) {
			t.Errorf("err = %v, want the error of the database", err)
		}
	}
	if n := s.reads.Load(); n != 2 {
		t.Errorf("an error was cached: %d reads", n)
	}
}
