package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chenu/chenu/server/api"
)

// Limit is a maximum rate: Requests in each Window, in a burst or evenly, since a bucket of Requests tokens refills
// within Window. The zero value means no limit.
type Limit struct {
	Requests int
	Window   time.Duration
}

// off is the text of the zero Limit.
const off = "off"

// Bounds of a limit: a lease takes a fraction of a bucket, and headers contain whole seconds.
const (
	maxRequests = 1_000_000
	minWindow   = time.Second
	maxWindow   = 24 * time.Hour
)

// Parse parses a limit such as 30/10m, or off.
func Parse(text string) (Limit, error) {
	if text == off {
		return Limit{}, nil
	}
	requests, window, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(requests)
	d, windowErr := time.ParseDuration(window)
	if err = errors.Join(err, windowErr); err != nil || n < 1 || n > maxRequests || d < minWindow || d > maxWindow || d%time.Second != 0 {
		return Limit{}, fmt.Errorf("%q is not a valid limit: use a form such as 30/10m (30 requests in ten minutes), or off", text)
	}
	return Limit{Requests: n, Window: d}, nil
}

// String returns the limit in the form that Parse accepts.
func (l Limit) String() string {
	if l == (Limit{}) {
		return off
	}
	window := l.Window.String()
	for _, zeros := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(window, zeros) {
			window = window[:len(window)-2]
		}
	}
	return strconv.Itoa(l.Requests) + "/" + window
}

// Rule limits the requests of a group of operations, counted by By. The empty group contains all operations.
type Rule struct {
	Group api.Group
	By    api.By
	// Default is the limit if none is configured. About describes the limited requests.
	Default Limit
	About   string
}

// Name returns the name of the rule in headers and in the configuration.
func (r Rule) Name() string {
	if r.Group == api.GroupAll {
		return string(r.By)
	}
	return string(r.Group) + "-" + string(r.By)
}

// Rules lists all rules.
var Rules = []Rule{
	{api.GroupAll, api.ByIdentity, Limit{3000, time.Minute}, "Requests of one identity, without its agents."},
	{api.GroupAll, api.ByAgent, Limit{1200, time.Minute}, "Requests of one agent."},
	{api.GroupLogin, api.ByAddress, Limit{60, time.Minute}, "Requests from one address with a password or a mailed token, such as logins."},
	{api.GroupLogin, api.ByAccount, Limit{30, 10 * time.Minute}, "Logins to one account from one network, and password checks in one session."},
	{api.GroupRegister, api.ByAddress, Limit{30, 10 * time.Minute}, "Registrations from one address."},
	{api.GroupRefresh, api.ByAddress, Limit{600, time.Minute}, "Session refreshes from one address."},
	{api.GroupMail, api.ByAddress, Limit{30, 10 * time.Minute}, "Requests from one address that send a mail."},
	{api.GroupMail, api.ByAccount, Limit{6, time.Hour}, "Requests from one network for mails to one account."},
	{api.GroupAgentToken, api.ByAddress, Limit{300, time.Minute}, "Requests for tokens of agents from one address."},
	{api.GroupAgentToken, api.ByAccount, Limit{60, 10 * time.Minute}, "Requests for tokens from one network with one credential of an agent."},
}

// Limits maps the names of rules to their limits. A rule that is missing has its default limit.
type Limits map[string]Limit

func (l Limits) of(r Rule) Limit {
	if limit, ok := l[r.Name()]; ok {
		return limit
	}
	return r.Default
}
