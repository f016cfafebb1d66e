package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/problem"
)

// ETag is an entity tag, including its quotes: `"v3"` (RFC 9110 section 8.8.3). All entity tags of the service are
// strong.
type ETag string

// VersionTag returns the entity tag of a version of a resource.
func VersionTag(version int64) ETag {
	return ETag(`"v` + strconv.FormatInt(version, 10) + `"`)
}

// StepTag returns the entity tag of a resource to which steps items were added since its version: `"v3.2"`. Such an
// addition does not change the fields that clients set, so If-Match accepts the tag for the version and the version's
// tag for this one.
func StepTag(version, steps int64) ETag {
	if steps == 0 {
		return VersionTag(version)
	}
	return ETag(fmt.Sprintf(`"v%d.%d"`, version, steps))
}

// With returns the tag with a hash of fields that are computed when the resource is read, such as a status that
// depends on the clock: `"v3-1c2f5a9b60d4"`. These fields change without a new version. So If-None-Match compares the
// whole tag and If-Match only the version: a client that read an unpaid invoice may still change it once it is
// overdue. Without fields, With returns the tag unchanged.
func (e ETag) With(computed ...any) (ETag, error) {
	if len(computed) == 0 {
		return e, nil
	}
	data, err := body.Marshal(computed)
	if err != nil {
		return "", fmt.Errorf("hash computed fields: %w", err)
	}
	sum := sha256.Sum256(data)
	return ETag(fmt.Sprintf(`%s-%x"`, strings.TrimSuffix(string(e), `"`), sum[:6])), nil
}

// JSONSchema returns the schema of the header.
func (ETag) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^"[^"]*"$`, Examples: []any{`"v3"`}}
}

// tag is one member of a list of entity tags.
type tag struct {
	weak   bool
	opaque string // including its quotes
}

// tags is the parsed value of If-Match or If-None-Match (RFC 9110 sections 13.1.1 and 13.1.2).
type tags struct {
	any  bool
	list []tag
}

// parse parses `*` or a list of entity tags.
func (t *tags) parse(text string) error {
	text = strings.Trim(text, " \t")
	if text == "*" {
		t.any = true
		return nil
	}
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		var one tag
		if after, ok := strings.CutPrefix(rest, "W/"); ok {
			one.weak, rest = true, after
		}
		if rest == "" || rest[0] != '"' {
			return errTag
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return errTag
		}
		one.opaque, rest = rest[:end+2], rest[end+2:]
		// An etagc is neither a space nor a control character (RFC 9110 section 8.8.3).
		if strings.ContainsFunc(one.opaque, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return errTag
		}
		t.list = append(t.list, one)
		rest = strings.TrimLeft(rest, " \t")
		if rest != "" && rest[0] != ',' {
			return errTag
		}
	}
	if len(t.list) == 0 {
		return errTag
	}
	return nil
}

var errTag = errors.New(`must be * or entity tags such as "v3"`)

// IfMatch is the header If-Match of a request that changes a resource: the versions that the client has seen. The
// header is required if it is a field of an operation's input: without it, the response has status 428.
type IfMatch struct{ tags }

// UnmarshalText parses the header.
func (m *IfMatch) UnmarshalText(text []byte) error { return m.parse(string(text)) }

// JSONSchema returns the schema of the header.
func (IfMatch) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Examples: []any{`"v3"`},
		Description: "ETag of the resource as last read, or * for any version. Only the version in the ETag is compared, not the hash of computed fields. If the resource has another version, the response is 412.",
	}
}

// Matches reports whether the header includes the version. The rest of a tag after the version is ignored: steps,
// hashes of computed fields, included resources. Weak tags never match (the strong comparison of RFC 9110 section
// 8.8.3.2).
func (m IfMatch) Matches(version int64) bool {
	stem := strings.TrimSuffix(string(VersionTag(version)), `"`)
	return m.any || slices.ContainsFunc(m.list, func(t tag) bool {
		rest, ok := strings.CutPrefix(t.opaque, stem)
		return ok && !t.weak && strings.ContainsRune(`".-+`, rune(rest[0]))
	})
}

// Check returns nil if the header includes the version. Otherwise it returns a problem of status 412 with the current
// ETag.
func (m IfMatch) Check(version int64) error { return m.CheckSteps(version, 0) }

// CheckSteps is like Check, for a resource whose ETag is a [StepTag].
func (m IfMatch) CheckSteps(version, steps int64) error {
	if m.Matches(version) {
		return nil
	}
	return problem.New(http.StatusPreconditionFailed, "stale_version", "The resource has changed since you read it. Get it again, and repeat the change with the new ETag.").
		WithHeader("ETag", string(StepTag(version, steps)))
}

// Missing returns the problem of status 428 for a request without the header.
func (IfMatch) Missing() error {
	return problem.New(http.StatusPreconditionRequired, "if_match_required", "This operation requires the header If-Match. Set it to the ETag of the resource.").
		WithErrors(problem.In("If-Match", "required", "This header is required."))
}

// unchanged reports whether If-None-Match includes the current entity tag, by the weak comparison. A malformed header
// is ignored, because sending the whole response is always correct.
func unchanged(header []string, current string) bool {
	if len(header) == 0 || current == "" {
		return false
	}
	var t tags
	if t.parse(strings.Join(header, ",")) != nil {
		return false
	}
	return t.any || slices.ContainsFunc(t.list, func(one tag) bool { return one.opaque == current })
}
