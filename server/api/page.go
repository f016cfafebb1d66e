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

// The size of a page, as the contract has it. A page also ends before its rows are larger
// than MaxPageBytes, as Postgres sends them, but has at least one row.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
	MaxPageBytes    = 4 << 20
)

// Page is the part of a list's input that chooses the page. Put it into the input struct;
// Next and Keyset then seal and open tokens that belong to that operation, to its path and
// filters as the client gave them, and to the caller's identity.
type Page struct {
	PageSize  int       `query:"page_size"  jsonschema:"minimum=1,maximum=200,default=50" jsonschema_description:"Maximum number of items on the page. A page of large items ends earlier, after about 4 MiB."`
	PageToken PageToken `query:"page_token"                                               jsonschema_description:"The next_page_token of the previous page. All filters must be the same as for that page."`
}

// Keyset returns the last item's key that the page before ended with, and false for the
// first page.
func (p *Page) Keyset() ([]byte, bool) { return p.PageToken.keyset, p.PageToken.keyset != nil }

// Next returns the token of the page that starts behind the key.
func (p *Page) Next(keyset []byte) string { return p.PageToken.seal(keyset) }

// PageToken is a token that this service made for a page: its keyset, authenticated
// together with everything it is bound to.
type PageToken struct {
	given   bool
	text    string
	keyset  []byte
	key     []byte
	binding []byte
	// budget limits the bytes of the page's rows.
	budget *entpgx.RowBudget
}

// UnmarshalText keeps the token's text until the whole request is known.
func (t *PageToken) UnmarshalText(text []byte) error {
	t.given, t.text = true, string(text)
	return nil
}

// JSONSchema describes the parameter.
func (PageToken) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string"}
}

// A token is base64url of its form, the keyset and the MAC.
const (
	tokenForm = 1
	macLength = 16 // 128 bits of HMAC-SHA256 (RFC 2104 section 5)
	maxKeyset = 256
)

// bind ties the token to the request and opens it. A token that was made under the previous
// key, if there is one, opens too.
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
	// The length parts the two, so that no two pairs give the same bytes.
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

// InvalidKeyset is the error for a keyset that the operation can't read: one from an
// older version of the service.
func InvalidKeyset() error { return invalidToken() }

// Key is the place of an item in a list that is ordered by id, or by a time and then id.
type Key struct {
	// Time is the item's time in the list's order, to the microsecond; the zero time in a
	// list by id alone.
	Time time.Time
	ID   uuid.UUID
}

// Bytes is the key as a keyset: 16 bytes, or 24 with a time.
func (k Key) Bytes() []byte {
	if k.Time.IsZero() {
		return k.ID[:]
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), uint64(k.Time.UnixMicro()))
	return append(b, k.ID[:]...)
}

// ParseKey reads what Bytes wrote. Its error is [InvalidKeyset]'s.
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

// List is the body of every list.
type List[T any] struct {
	Items         []T     `json:"items"           jsonschema_description:"Items of the page, in the order of the list."`
	NextPageToken *string `json:"next_page_token" jsonschema_description:"Token for the next page, for the page_token parameter. Null on the last page."`
}

// NewList makes the body of a page from the rows that were read: it reads up to one row
// more than the page has, to know whether there is a next one. There is also a next one
// where the rows were too large for one page. key returns a row's keyset.
func NewList[T any](page *Page, rows []T, key func(T) []byte) List[T] {
	list := List[T]{Items: rows[:min(len(rows), page.PageSize)]}
	if n := len(list.Items); len(rows) > n || n > 0 && page.PageToken.budget.Cut() {
		list.NextPageToken = new(page.Next(key(list.Items[n-1])))
	}
	return list
}

// Limit is how many rows to read for a page: one more than it shows.
func (p *Page) Limit() int { return p.PageSize + 1 }
