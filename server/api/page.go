package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/problem"
)

// Limits of a page, which are part of the API contract. A page also ends before its rows exceed MaxPageBytes, in the
// size in which Postgres sends them, but it has at least one row.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
	MaxPageBytes    = 4 << 20
)

// Page is the part of a list operation's input that selects the page. Embed it as a field of the input struct. Next
// and Keyset create and open page tokens that are bound to the operation, its path, its filters as the client sent
// them, and the caller's identity.
type Page struct {
	PageSize  int       `query:"page_size"  jsonschema:"minimum=1,maximum=200,default=50" jsonschema_description:"Maximum number of items on the page. A page of large items ends earlier, after about 4 MiB."`
	PageToken PageToken `query:"page_token"                                               jsonschema_description:"The next_page_token of the previous page. All filters must be the same as for that page."`
}

// Keyset returns the key of the last item of the previous page, and false for the first page.
func (p *Page) Keyset() ([]byte, bool) { return p.PageToken.keyset, p.PageToken.keyset != nil }

// Next returns the token of the page that starts after the key.
func (p *Page) Next(keyset []byte) string { return p.PageToken.seal(keyset) }

// PageToken is a page token of this service: a keyset, with a MAC of the keyset and everything that the token is
// bound to.
type PageToken struct {
	given   bool
	text    string
	keyset  []byte
	key     []byte
	binding []byte
	// budget limits the size of the page's rows in bytes.
	budget *entpgx.RowBudget
}

// UnmarshalText stores the token. It is opened later, when the request that it is bound to is known.
func (t *PageToken) UnmarshalText(text []byte) error {
	t.given, t.text = true, string(text)
	return nil
}

// JSONSchema returns the schema of the parameter.
func (PageToken) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string"}
}

// A token is the base64url encoding of the format version, the keyset and the MAC.
const (
	tokenForm = 1
	macLength = 16 // 128 bits of HMAC-SHA256 (RFC 2104 section 5)
	maxKeyset = 256
)

// bind binds the token to the request and opens it. It also accepts tokens that were created with the previous key,
// if previous is not nil.
func (t *PageToken) bind(key, previous, binding []byte) error {
	t.key, t.binding = key, binding
	if !t.given {
		return nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(t.text)
	if err != nil || len(raw) < 1+macLength || raw[0] != tokenForm {
		return invalidToken()
	}
	end := len(raw) - macLength
	genuine := hmac.Equal(raw[end:], t.mac(t.key, raw[:end]))
	if !genuine && previous != nil {
		genuine = hmac.Equal(raw[end:], t.mac(previous, raw[:end]))
	}
	if !genuine {
		return invalidToken()
	}
	t.keyset = raw[1:end:end]
	return nil
}

func (t *PageToken) seal(keyset []byte) string {
	if t.key == nil {
		panic("api: a page token can be created only in the operation that the Page belongs to")
	}
	if len(keyset) > maxKeyset {
		panic("api: a keyset may have at most 256 bytes")
	}
	raw := append([]byte{tokenForm}, keyset...)
	return base64.RawURLEncoding.EncodeToString(append(raw, t.mac(t.key, raw)...))
}

func (t *PageToken) mac(key, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	// The length prefix separates binding and content, so that no two pairs have the same bytes.
	_ = binary.Write(mac, binary.BigEndian, uint64(len(t.binding)))
	mac.Write(t.binding)
	mac.Write(content)
	return mac.Sum(nil)[:macLength]
}

func invalidToken() *problem.Problem {
	return problem.New(http.StatusBadRequest, "invalid_page_token",
		"The page_token is not valid for this list with these filters. Request the first page without it.").
		WithErrors(problem.In("page_token", "invalid_page_token", "Send the next_page_token unchanged, with the same filters."))
}

// InvalidKeyset returns the error for a keyset that the operation cannot parse, such as one from an older version of
// the service.
func InvalidKeyset() error { return invalidToken() }

// Key is the position of an item in a list that is ordered by id, or by a time and then id.
type Key struct {
	// Time is the time by which the item is ordered, with microsecond precision. It is the zero time in a list
	// ordered only by id.
	Time time.Time
	ID   uuid.UUID
}

// Bytes returns the key as a keyset: 16 bytes, or 24 bytes with a time.
func (k Key) Bytes() []byte {
	if k.Time.IsZero() {
		return k.ID[:]
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), uint64(k.Time.UnixMicro()))
	return append(b, k.ID[:]...)
}

// ParseKey parses the result of Bytes. Its error is that of [InvalidKeyset].
func ParseKey(b []byte) (Key, error) {
	var k Key
	switch len(b) {
	case 16:
	case 24:
		k.Time = time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC()
		b = b[8:]
	default:
		return Key{}, InvalidKeyset()
	}
	k.ID = uuid.UUID(b)
	return k, nil
}

// List is the response body of every list operation.
type List[T any] struct {
	Items         []T     `json:"items"           jsonschema_description:"Items of the page, in the order of the list."`
	NextPageToken *string `json:"next_page_token" jsonschema_description:"Token for the next page, for the page_token parameter. Null on the last page."`
}

// NewList returns the body of a page. rows are the rows that were read, up to one more than the page has, which shows
// that there is a next page (see [Page.Limit]). There is also a next page if the rows were too large for one page.
// key returns the keyset of a row.
func NewList[T any](page *Page, rows []T, key func(T) []byte) List[T] {
	list := List[T]{Items: rows[:min(len(rows), page.PageSize)]}
	if n := len(list.Items); len(rows) > n || n > 0 && page.PageToken.budget.Cut() {
		list.NextPageToken = new(page.Next(key(list.Items[n-1])))
	}
	return list
}

// Limit returns the number of rows to read for a page: one more than the page has.
func (p *Page) Limit() int { return p.PageSize + 1 }
