package datatype

import (
	"time"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/policies"
)

// PlaylistItem is one item of a playlist.
type PlaylistItem struct {
	ContentID string    `json:"content_id" jsonschema:"minLength=1,maxLength=255" jsonschema_description:"Id of the item at its source."`
	Title     string    `json:"title" jsonschema:"minLength=1,maxLength=300" jsonschema_description:"Title of the item."`
	AddedAt   time.Time `json:"added_at" jsonschema_description:"Time when the item was added."`
}

// Media is a picture or another medium that belongs to a post.
type Media struct {
	URI         string  `json:"uri" jsonschema:"minLength=1,maxLength=2048,format=uri" jsonschema_description:"URI of the stored file."`
	MediaType   string  `json:"media_type" jsonschema:"minLength=3,maxLength=127" jsonschema_description:"Media type of the file (RFC 6838)."`
	Description *string `json:"description,omitempty" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"Text alternative for people who cannot see or listen to the media."`
}

// Section is one section of a manuscript.
type Section struct {
	ID       string `json:"id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the section, chosen by the client and unique in the manuscript."`
	Heading  string `json:"heading" jsonschema:"minLength=1,maxLength=300" jsonschema_description:"Heading of the section."`
	Body     string `json:"body" jsonschema:"maxLength=200000" jsonschema_description:"Text of the section."`
	Position int    `json:"position" jsonschema:"minimum=1,maximum=10000" jsonschema_description:"Position of the section, unique in the manuscript."`
}

// Evidence is a document that proves compliance.
type Evidence struct {
	URI    string `json:"uri" jsonschema:"minLength=1,maxLength=2048,format=uri" jsonschema_description:"URI of the stored file."`
	SHA256 string `json:"sha256" jsonschema:"pattern=^[0-9a-f]{64}$" jsonschema_description:"SHA-256 of the file, in lower-case hexadecimal."`
}

// JSONSchemaExtend limits the schemes of the URI.
func (Media) JSONSchemaExtend(s *jsonschema.Schema) { LimitURI(s, "uri") }

// JSONSchemaExtend limits the schemes of the URI.
func (Evidence) JSONSchemaExtend(s *jsonschema.Schema) { LimitURI(s, "uri") }

// LimitURI gives the property, which is a URI, the pattern of the allowed schemes.
func LimitURI(s *jsonschema.Schema, property string) {
	if uri, ok := s.Properties.Get(property); ok {
		uri.Pattern = policies.ECMAPattern(policies.URIPattern)
	}
}
