package account

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// RateAccount is what logins are counted by, whether or not there is such an account.
func (in *loginInput) RateAccount() string { return rateAccount(in.Body.Email) }

// RateAccount is what mails are counted by, whether or not there is such an account.
func (in *requestResetInput) RateAccount() string { return rateAccount(in.Body.Email) }

// rateAccount is the account that an e-mail address means: two spellings that find the same
// one are the same here.
func rateAccount(email string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(email)))
}
