package datatype

import (
	"time"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/policies"
)

// PlaylistItem is one item of a playlist.
type PlaylistItem struct {
	ContentID string    `json:"content_id" jsonschema:"minLength=1,maxLength=255" jsonschema_description:"What it is, as its source calls it."`
	Title     string    `json:"title" jsonschema:"minLength=1,maxLength=300" jsonschema_description:"Title."`
	AddedAt   time.Time `json:"added_at" jsonschema_description:"When it was added."`
}

// Media is a picture or the like that belongs to a post.
type Media struct {
	URI         string  `json:"uri" jsonschema:"minLength=1,maxLength=2048,format=uri" jsonschema_description:"Where it is kept."`
	MediaType   string  `json:"media_type" jsonschema:"minLength=3,maxLength=127" jsonschema_description:"Media type (RFC 6838)."`
	Description *string `json:"description,omitempty" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"What can be seen or heard, for those who can't."`
}

// Section is one section of a manuscript.
type Section struct {
	ID       string `json:"id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id that the client gave it, unique in the manuscript."`
	Heading  string `json:"heading" jsonschema:"minLength=1,maxLength=300" jsonschema_description:"Heading."`
	Body     string `json:"body" jsonschema:"maxLength=200000" jsonschema_description:"Text."`
	Position int    `json:"position" jsonschema:"minimum=1,maximum=10000" jsonschema_description:"Its place, unique in the manuscript."`
}

// Evidence is a document that shows compliance.
type Evidence struct {
	URI    string `json:"uri" jsonschema:"minLength=1,maxLength=2048,format=uri" jsonschema_description:"Where it is kept."`
	SHA256 string `json:"sha256" jsonschema:"pattern=^[0-9a-f]{64}$" jsonschema_description:"SHA-256 of its content in lower-case hex."`
}

// JSONSchemaExtend limits the schemes of the URI.
func (Media) JSONSchemaExtend(s *jsonschema.Schema) { LimitURI(s, "uri") }

// JSONSchemaExtend limits the schemes of the URI.
func (Evidence) JSONSchemaExtend(s *jsonschema.Schema) { LimitURI(s, "uri") }

// LimitURI gives the property, which is a URI, the pattern of the schemes that are allowed.
func LimitURI(s *jsonschema.Schema, property string) {
	if uri, ok := s.Properties.Get(property); ok {
		uri.Pattern = policies.ECMAPattern(policies.URIPattern)
	}
}
