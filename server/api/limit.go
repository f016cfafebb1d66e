package api

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// By is the kind of key by which requests are counted.
type By string

// Kinds of keys by which requests are counted.
const (
	ByAddress  By = "address"
	ByAccount  By = "account"
	ByIdentity By = "identity"
	ByAgent    By = "agent"
)

// Group is a group of operations that has its own rate limits, in addition to those that apply to all operations.
type Group string

// The groups of operations.
const (
	GroupAll        Group = "" // all operations
	GroupRegister   Group = "register"
	GroupLogin      Group = "login"
	GroupRefresh    Group = "refresh"
	GroupMail       Group = "mail"
	GroupAgentToken Group = "agent-token"
)

// Limiter counts requests and rejects those that exceed a limit.
type Limiter interface {
	// Limits reports whether the limiter has a rule for the group.
	Limits(group Group) bool
	// Count counts one request of an operation in the group against the limit for key. The key is the address of a
	// client, an account with a network or session, or the id of an identity or agent. Count returns a
	// [problem.RateLimited] if the request exceeds the limit, and another error if the limiter has no rule for the
	// group (see Limits).
	Count(ctx context.Context, group Group, by By, key string) (Quota, error)
}

// Quota is the state of a limit after a request, in the terms of draft-ietf-httpapi-ratelimit-headers-10. The zero
// value means that there is no limit.
type Quota struct {
	// Policy is the name of the limit, which allows Limit requests in Window seconds.
	Policy        string
	Limit, Window int
	// Remaining is the number of requests that are left now. The full limit is available again in Reset seconds.
	Remaining, Reset int
}

// write adds the quota to the response headers.
func (q Quota) write(h http.Header) {
	if q.Policy == "" {
		return
	}
	name := strconv.Quote(q.Policy)
	add := func(header, value string) {
		if others := h.Get(header); others != "" {
			value = others + ", " + value
		}
		h.Set(header, value)
	}
	add("RateLimit-Policy", name+";q="+strconv.Itoa(q.Limit)+";w="+strconv.Itoa(q.Window))
	add("RateLimit", name+";r="+strconv.Itoa(q.Remaining)+";t="+strconv.Itoa(q.Reset))
}

// AccountInput is implemented by inputs that name an account, such as the email of a login. Requests of an operation
// with a Limit are also counted by the account together with the client's network. They are not counted by the
// account alone, because strangers could then use up the owner's limit.
type AccountInput interface{ RateAccount() string }

// ClientNetwork returns the network of a client's address in CIDR notation: the /24 of an IPv4 address, or the /64 of
// an IPv6 address, which usually belongs to one client. It returns ip unchanged if it is not an address.
func ClientNetwork(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	bits := 64
	if address = address.Unmap().WithZone(""); address.Is4() {
		bits = 24
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return ip
	}
	return network.String()
}

// limited reports whether requests of the operation are counted.
func (o *operation) limited() bool { return !o.public || o.Limit != GroupAll }

// limit counts the request by its identity or agent and, for an operation in a group, by the client's address. It
// runs before anything else of the request is read.
func (o *operation) limit(ctx context.Context, c *gin.Context, id auth.Identity) error {
	if o.Limit != GroupAll {
		if err := o.count(ctx, c, o.Limit, ByAddress, c.ClientIP()); err != nil {
			return err
		}
	}
	switch {
	case o.public:
		return nil
	case id.Kind == auth.Agent:
		return o.count(ctx, c, GroupAll, ByAgent, id.ActorID.String())
	}
	if o.Limit != GroupAll {
		// The limit of a session does not depend on what others do to the account.
		if err := o.count(ctx, c, o.Limit, ByAccount, id.ID.String()+" "+id.SessionID.String()); err != nil {
			return err
		}
	}
	return o.count(ctx, c, GroupAll, ByIdentity, id.ID.String())
}

// limitAccount counts the request by the account that the input names, together with the client's network.
func (o *operation) limitAccount(ctx context.Context, c *gin.Context, in any) error {
	about, ok := in.(AccountInput)
	if o.Limit == GroupAll || !ok {
		return nil
	}
	return o.count(ctx, c, o.Limit, ByAccount, about.RateAccount()+" "+ClientNetwork(c.ClientIP()))
}

func (o *operation) count(ctx context.Context, c *gin.Context, group Group, by By, key string) error {
	if o.api.config.Limiter == nil {
		return nil
	}
	quota, err := o.api.config.Limiter.Count(ctx, group, by, key)
	quota.write(c.Writer.Header())
	return err
}

// authorize rejects a request of an agent if the agent's scope does not include the operation, or if the operation is
// for humans only. The rejection is recorded, like a rejection by the database.
func (o *operation) authorize(ctx context.Context, c *gin.Context, id auth.Identity) error {
	if o.public || id.Kind != auth.Agent {
		return nil
	}
	var refusal *problem.Problem
	switch {
	case o.HumansOnly:
		refusal = problem.Forbidden("Only a human can do this.")
	case !id.Allows(o.scope()):
		refusal = problem.New(http.StatusForbidden, "insufficient_scope", "The capabilities of the access token do not include this operation.").
			WithHeader("WWW-Authenticate", problem.Challenge+`, error="insufficient_scope", scope="`+o.scope()+`"`) // RFC 6750 section 3.1.
	default:
		return nil
	}
	options := session.Options{ReadOnly: o.readOnly(), Description: c.Request.Method + " " + c.Request.URL.Path}
	return o.api.transactor.Do(ctx, options, func(context.Context, *ent.Tx) error { return refusal })
}

// scope returns the capability that an agent's token needs for the operation: the tag, with the suffix :read for a
// GET.
func (o *operation) scope() string {
	scope := strings.ToLower(o.Tag)
	if o.Method == http.MethodGet {
		scope += auth.ReadSuffix
	}
	return scope
}
