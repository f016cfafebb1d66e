package account

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/chenu/chenu/server/problem"
)

func TestHashParams(t *testing.T) {
	t.Parallel()
	h := newHasher(hashParams, 1)
	hash, err := h.hash(t.Context(), asker{}, password)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{hash, h.dummy} {
		if !strings.HasPrefix(text, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%s does not have the parameters that OWASP recommends", text)
		}
	}
	for candidate, want := range map[string]bool{password: true, password + "x": false, "": false} {
		match, weak, err := h.check(t.Context(), candidate, hash)
		if err != nil || match != want || weak {
			t.Errorf("%q: match %v, weak %v, %v", candidate, match, weak, err)
		}
	}
	if again, _ := h.hash(t.Context(), asker{}, password); again == hash {
		t.Error("two hashes have the same salt")
	}
}

func TestCheckWithoutHash(t *testing.T) {
	t.Parallel()
	h := newHasher(quick, 1)
	if params, _, _, err := argon2id.DecodeHash(h.dummy); err != nil || *params != quick {
		t.Errorf("the dummy %s: %+v, %v", h.dummy, params, err)
	}
	for _, candidate := range []string{"", password} {
		if match, _, err := h.check(t.Context(), candidate, ""); err != nil || match {
			t.Errorf("%q: match %v, %v", candidate, match, err)
		}
	}
}

func TestBrokenHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(quick, 1)
	const tail = "$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
	for _, hash := range []string{
		"x", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1" + tail, "$2a$10$abc", "$argon2id$v=16$m=64,t=1,p=1" + tail,
		"$argon2id$v=19$m=4194304,t=1,p=1" + tail, "$argon2id$v=19$m=64,t=1000000,p=1" + tail,
		"$argon2id$v=19$m=64,t=0,p=1" + tail, "$argon2id$v=19$m=64,t=1,p=0" + tail, "$argon2id$v=19$m=64,t=1,p=1$$",
	} {
		match, _, err := h.check(t.Context(), "", hash)
		if err == nil || match {
			t.Errorf("%s: match %v, %v", hash, match, err)
		}
		if err != nil && strings.Contains(err.Error(), "RdescudvJCsg") {
			t.Errorf("the error contains the hash: %v", err)
		}
	}
}

func TestWeakHash(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]argon2id.Params{
		"memory": {Memory: 32, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		"salt":   {Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 32},
		"key":    {Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 16},
	} {
		old, err := argon2id.CreateHash(password, &params)
		if err != nil {
			t.Fatal(err)
		}
		h := newHasher(quick, 1)
		if match, weak, err := h.check(t.Context(), password, old); !match || !weak || err != nil {
			t.Errorf("%s: match %v, weak %v, %v", name, match, weak, err)
		}
	}
}

// TestHashesAtOnce checks that no more passwords are hashed at once than there are slots.
func TestHashesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(quick, 2)
		if err := h.slots.Acquire(t.Context(), 2); err != nil { // Both slots stay in use.
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		hungUp, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := h.hash(hungUp, asker{}, password); !errors.Is(err, context.Canceled) {
				t.Errorf("caller with a canceled context: %v", err)
			}
		})
		began := time.Now()
		wg.Go(func() {
			_, _, err := h.check(t.Context(), password, "")
			p := problem.From(err)
			if p.Status != http.StatusServiceUnavailable || p.Code != "busy" || p.Header.Get("Retry-After") == "" {
				t.Errorf("caller that waited: %v", err)
			}
			if waited := time.Since(began); waited != hashTimeout {
				t.Errorf("waited %v", waited)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		h.slots.Release(2)
		if _, err := h.hash(t.Context(), asker{}, password); err != nil {
			t.Errorf("after the slots were released: %v", err)
		}
		if !h.slots.TryAcquire(2) {
			t.Error("a slot was not released")
		}
	})
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for candidate, want := range map[string]string{
		"copper meadow distant violin":         "",
		"correct horse battery staple":         "password_too_common",
		"fifteen charact":                      "",
		"fourteen chara":                       "password_too_short",
		"пароль из слов ":                      "",
		"密码密碼パスワード暗号合言葉秘密鍵":                    "",
		strings.Repeat("correct horse ", 18):   "",
		strings.Repeat("abcde", 51) + "abcdef": "password_too_long",
		"aaaaaaaaaaaaaaaaaaaa":                 "password_too_common",
		"abababababababababab":                 "password_too_common",
		"abcdefghijklmnopqrstuvwxyz":           "password_too_common",
		"zyxwvutsrqponmlkjihgfedcba":           "password_too_common",
		"ADA.LOVELACE@EXAMPLE.ORG":             "password_too_common",
		"ada.lovelace@example.org 1843":        "password_too_common",
		"ada.lovelace@example.org sd9 kq2 x":   "",
	} {
		err := checkPassword(normalizePassword(candidate), "ada.lovelace@example.org", "Ada")
		weak, _ := errors.AsType[*errWeakPassword](err)
		switch {
		case want == "" && err != nil, want != "" && (weak == nil || weak.code != want):
			t.Errorf("%q: %v, want %q", candidate, err, want)
		}
	}
}

// Hardening item 36: passwords of 15 and more characters that attackers try first are rejected in a registration, a
// change and a reset.
func TestCommonPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	for _, candidate := range []string{
		"passwordpassword", "Password123456789", "P@ssw0rdP@ssw0rd", "iloveyouiloveyou", "letmeinletmeinletmein", "changemechangeme",
		"trustno1trustno1", "administrator123", "superman1234567", "unbelievable12345", "christopher12345", "manchesterunited",
		"123456789012345", "1234567890123456", "qwertyuiopasdfgh", "qwertyuiopasdfghjkl", "1qaz2wsx3edc4rfv", "1q2w3e4r5t6y7u8i9o0p",
		"abcdefghijklmnop1", "aaaaaaaaaaaaaaab", "chenuchenuchenu1", "ada@example.org12", "Ada Lovelace 1815", "lovelace.ada1815",
		"Lovelace-Ada-1815", "1815 lovelace, ada", "lovelace_ada_ada_lovelace", "Ada@Example.Org!2024",
		strings.Repeat("abcde", 51), strings.Repeat("password", 32),
		"correct horse battery staple", "Correct-Horse-Battery-Staple1!", "correcthorsebatterystaple", "CORRECT HORSE BATTERY STAPLE 99",
		"thequickbrownfox", "The Quick Brown Fox!", "iloveyouforever123", "I love you forever",
	} {
		weak, _ := errors.AsType[*errWeakPassword](checkPassword(normalizePassword(candidate), "ada@example.org", "Ada Lovelace"))
		if weak == nil || weak.code != "password_too_common" {
			t.Errorf("%q: %v", candidate, weak)
		}
	}
	for _, candidate := range []string{
		"violet lantern quiet harbor", "sleepy granite under maple", "copper meadow distant violin", "a longer horse and a staple", "fünfzehn Zeichen", "jk4 pq8 zz1 lmw x0", "Ein Pferd, das zählt", "Ada rides 4 green horses", "lovelace.ada.qz7 wk3", "tr0ub4dor&3 went home", "密码密碼パスワード暗号合言葉秘密鍵",
	} {
		if err := checkPassword(normalizePassword(candidate), "ada@example.org", "Ada Lovelace"); err != nil {
			t.Errorf("%q: %v", candidate, err)
		}
	}
	b, box, _ := withMail(t)
	ada := b.register(t, "ada@example.org")
	box.token(t, ada.email, verifySubject)
	b.send(t, http.MethodPost, "/v1/auth/request-password-reset", `{"email":"ada@example.org"}`).want(http.StatusAccepted)
	token := box.token(t, ada.email, resetSubject)
	const common = "Correct-Horse-Battery-Staple1!"
	for at, a := range map[string]answer{
		"/password":       b.send(t, http.MethodPost, "/v1/auth/register", registration("eve@example.org", common, "Eve")),
		"/new_password":   b.send(t, http.MethodPost, "/v1/me/password", change(password, common), "Authorization", ada.bearer),
		"reset /password": b.send(t, http.MethodPost, "/v1/auth/reset-password", reset(token, common)),
	} {
		if got := a.problem(http.StatusUnprocessableEntity, "validation_failed"); got != strings.TrimPrefix(at, "reset ") || !strings.Contains(a.text(), "password_too_common") {
			t.Errorf("%s: pointer %q, %s", at, got, a.Body)
		}
	}
}

// Hardening item 36: only new passwords are checked. An identity with a common password from before the check can log
// in and re-authenticate, but can change the password only to one that is not common.
func TestExistingCommonPasswordsStillLogIn(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	const old = "correct horse battery staple"
	hash, err := argon2id.CreateHash(old, &quick)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.Exec(t.Context(), `UPDATE identities SET hashed_password = $2 WHERE id = $1`, ada.id, hash); err != nil {
		t.Fatal(err)
	}
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).problem(http.StatusUnauthorized, "invalid_credentials")
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, old)).want(http.StatusOK)
	b.send(t, http.MethodPost, "/v1/auth/step-up", `{"password":"`+old+`"}`, "Authorization", ada.bearer).want(http.StatusOK)
	b.send(t, http.MethodPost, "/v1/me/password", change(old, "correct.horse.battery.staple"), "Authorization", ada.bearer).problem(http.StatusUnprocessableEntity, "validation_failed")
	b.send(t, http.MethodPost, "/v1/me/password", change(old, password), "Authorization", ada.bearer).want(http.StatusNoContent)
}

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"ada@example.org":                            "ada@example.org",
		"  Ada@Example.Org\t":                        "Ada@Example.Org",
		"ada+tag@example.org":                        "ada+tag@example.org",
		"o'hara@example.org":                         "o'hara@example.org",
		"ada@localhost":                              "ada@localhost",
		"zoe\u0308@example.org":                      "zoë@example.org",
		"ada@bücher.example":                         "ada@bücher.example",
		strings.Repeat("a", 64) + "@example.org":     strings.Repeat("a", 64) + "@example.org",
		"":                                           "",
		"ada":                                        "",
		"@example.org":                               "",
		"ada@":                                       "",
		"ada@@example.org":                           "",
		"ada@example..org":                           "",
		"ada@.example.org":                           "",
		"ada@-example.org":                           "",
		"ada@example.org.":                           "",
		".ada@example.org":                           "",
		"a b@example.org":                            "",
		`"a b"@example.org`:                          "",
		"Ada <ada@example.org>":                      "",
		"<ada@example.org>":                          "",
		"ada@example.org, eve@example.org":           "",
		"ada@[127.0.0.1]":                            "",
		"ada@example.org(comment)":                   "",
		"ada@example.org\r\nBcc: eve@example.org":    "",
		"ada\x00@example.org":                        "",
		"ada\u200b@example.org":                      "ada\u200b@example.org",
		strings.Repeat("a", 65) + "@example.org":     "",
		"ada@" + strings.Repeat("a", 64) + ".org":    "",
		"ada@" + strings.Repeat("abcd.", 52) + "org": "",
		strings.Repeat("a", 400) + "@example.org":    "",
	} {
		got, err := normalizeEmail(email)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%q: %q, %v, want %q", email, got, err, want)
		}
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	f.Add("Ada@example.org")
	f.Add(`"x"@[::1]`)
	f.Fuzz(func(t *testing.T, email string) {
		got, err := normalizeEmail(email)
		if err != nil {
			return
		}
		if again, err := normalizeEmail(got); err != nil || again != got {
			t.Errorf("%q is %q, and then %q, %v", email, got, again, err)
		}
		if strings.Count(got, "@") != 1 || strings.ContainsAny(got, " \r\n\x00<>\"") {
			t.Errorf("%q is normalized to %q", email, got)
		}
	})
}

func TestTimeZones(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"UTC": true, "Europe/Paris": true, "America/Argentina/Buenos_Aires": true, "Etc/GMT+3": true,
		"": false, "Local": false, "local": false, "localtime": false, "posixrules": false, "right/UTC": false, "posix/UTC": false,
		"../UTC": false, "/etc/localtime": false, "Europe": false, "Europe/": false, "zone.tab": false, "tzdata.zi": false,
		"+01:00": false, "Mars/Olympus": false, strings.Repeat("A", 65): false,
	} {
		if isTimeZone(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	h := newHasher(hashParams, 0)
	for b.Loop() {
		if _, err := h.hash(b.Context(), asker{}, password); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLogin measures logins over HTTP, more at once than there are hashing slots.
func BenchmarkLogin(b *testing.B) {
	bundle := newBundle(b)
	bundle.service.hasher = newHasher(hashParams, 0)
	ada := bundle.register(b, "ada@example.org")
	body := credentials(ada.email, password)
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a := bundle.send(b, http.MethodPost, "/v1/auth/login", body); a.Status != http.StatusOK {
				b.Errorf("%d %s", a.Status, a.Body)
			}
		}
	})
}
