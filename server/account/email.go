package account

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxEmailLength is the maximum length in characters: 64 for the local part, 255 for the domain, and the sign (RFC
// 5321 section 4.5.3.1).
const maxEmailLength = 320

var errInvalidEmail = errors.New("not an e-mail address of the form name@example.org")

// normalizeEmail trims an address and checks its form. It keeps the case, since the receiving host decides whether the
// local part is case-sensitive. The database compares addresses without regard to case.
func normalizeEmail(email string) (string, error) {
	email = norm.NFC.String(strings.TrimSpace(email))
	if n := utf8.RuneCountInString(email); n < 3 || n > maxEmailLength {
		return "", errInvalidEmail
	}
	// The parser also accepts "Name <name@host>", comments and quoted names. They are valid in a header, but not as
	// the address of an account.
	address, err := mail.ParseAddress(email)
	if err != nil || address.Name != "" || address.Address != email {
		return "", errInvalidEmail
	}
	if strings.ContainsFunc(email, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"<>()[]\,;:`, r)
	}) {
		return "", errInvalidEmail
	}
	local, domain, _ := strings.Cut(email, "@")
	if utf8.RuneCountInString(local) > 64 || utf8.RuneCountInString(domain) > 255 {
		return "", errInvalidEmail
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return "", errInvalidEmail
		}
	}
	return email, nil
}
