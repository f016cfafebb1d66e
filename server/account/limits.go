package account

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// RateAccount returns the account whose logins are counted. The account need not exist.
func (in *loginInput) RateAccount() string { return rateAccount(in.Body.Email) }

// RateAccount returns the account whose mails are counted. The account need not exist.
func (in *requestResetInput) RateAccount() string { return rateAccount(in.Body.Email) }

// rateAccount returns the key of the account with the e-mail address. Spellings that find the same account have the
// same key.
func rateAccount(email string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(email)))
}
