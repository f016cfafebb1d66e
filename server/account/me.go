package account

import (
	"context"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // time zones for systems without a zone database

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/ent/identity"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

type meOutput struct {
	ETag api.ETag `header:"ETag"`
	Body Identity
}

func (*Service) get(ctx context.Context, tx *ent.Tx, _ *struct{}) (*meOutput, error) {
	who, err := api.Caller(ctx)
	if err != nil {
		return nil, err
	}
	me, err := read(ctx, tx, who.ID)
	if err != nil {
		return nil, err
	}
	return &meOutput{ETag: api.VersionTag(me.Version), Body: me}, nil
}

// IdentityInput contains the fields of an identity that its owner can change.
type IdentityInput struct {
	Name     string            `json:"name"     jsonschema:"minLength=1,maxLength=200" jsonschema_description:"Display name of the identity."`
	Settings datatype.Settings `json:"settings" jsonschema_description:"Preferences of the identity. time_zone is an IANA name; clients define all other keys."`
}

type updateInput struct {
	IfMatch api.IfMatch `header:"If-Match"`
	Body    bind.Patch[IdentityInput]
}

func (*Service) update(ctx context.Context, tx *ent.Tx, in *updateInput) (*meOutput, error) {
	who, err := api.Caller(ctx)
	if err != nil {
		return nil, err
	}
	row, err := tx.Identity.Query().Where(identity.ID(who.ID)).ForUpdate(ent.NoKeyUpdate).
		Select(identity.FieldID, identity.FieldName, identity.FieldSettings, identity.FieldVersion).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	if err := in.IfMatch.Check(row.Version); err != nil {
		return nil, err
	}
	wanted, err := in.Body.Apply(IdentityInput{Name: row.Name, Settings: row.Settings})
	if err != nil {
		return nil, err
	}
	if err := wanted.check(); err != nil {
		return nil, err
	}
	if !in.Body.Empty() {
		if err := tx.Identity.Update().Where(identity.ID(who.ID)).
			SetName(wanted.Name).SetSettings(wanted.Settings).Exec(ctx); err != nil {
			return nil, fmt.Errorf("change the identity: %w", err)
		}
	}
	me, err := read(ctx, tx, who.ID)
	if err != nil {
		return nil, err
	}
	return &meOutput{ETag: api.VersionTag(me.Version), Body: me}, nil
}

func (i IdentityInput) check() error {
	var wrong []problem.FieldError
	if strings.TrimSpace(i.Name) == "" {
		wrong = append(wrong, problem.At("/name", "too_short", "This must not be blank."))
	}
	if zone, ok := i.Settings["time_zone"]; ok {
		if name, ok := zone.(string); !ok || !isTimeZone(name) {
			wrong = append(wrong, problem.At("/settings/time_zone", "invalid_time_zone", "This must be the IANA name of a time zone, such as Europe/Paris."))
		}
	}
	if len(wrong) > 0 {
		return problem.Invalid(wrong...)
	}
	return nil
}

// isTimeZone reports whether name is in the IANA database. It rejects other names that the loader or the zone
// directory of a system accepts: "" and Local, which mean UTC and the zone of this process, and copies with other
// rules.
func isTimeZone(name string) bool {
	switch {
	case name == "", len(name) > 64, strings.EqualFold(name, "local"), strings.EqualFold(name, "localtime"),
		name == "posixrules", name == "Factory", strings.HasPrefix(name, "posix/"), strings.HasPrefix(name, "right/"):
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

type signingKeysOutput struct {
	ETag         api.ETag `header:"ETag"`
	CacheControl string   `header:"Cache-Control"`
	Body         auth.JWKS
}

func (s *Service) signingKeys(context.Context, *struct{}) (*signingKeysOutput, error) {
	keys, tag := s.Keys.Public()
	return &signingKeysOutput{
		ETag:         api.ETag(tag),
		CacheControl: fmt.Sprintf("public, max-age=%d", int(auth.JWKSMaxAge.Seconds())),
		Body:         keys,
	}, nil
}
