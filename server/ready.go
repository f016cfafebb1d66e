package server

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
)

// readySQL calls a function of the schema, which fails if a language is broken or a privilege is missing. It also
// returns the functions that the role cannot execute, and the schemas that the owners of SECURITY DEFINER functions
// cannot use, which would make these functions fail. It is a single statement.
const readySQL = `SELECT app.schema_version(),
  coalesce((SELECT string_agg(f, ', ') FROM unnest(string_to_array($1, ';')) AS f
     WHERE has_function_privilege(to_regprocedure(f)::oid, 'EXECUTE') IS NOT TRUE), ''),
  coalesce((SELECT string_agg(DISTINCT r.rolname || ' on ' || n.nspname, ', ') FROM pg_catalog.pg_proc p
     JOIN pg_catalog.pg_namespace a ON a.oid = p.pronamespace AND a.nspname = 'app'
     JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
     JOIN pg_catalog.pg_namespace n ON n.nspname IN ('app', 'public')
     WHERE p.prosecdef AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE')), '')`

// checks returns the conditions of readiness, one for each kind of actor: its role can execute every function that
// the service calls for it, and the database has the migrations that the program was built for.
func (s *Server) checks() []api.Check {
	var checks []api.Check
	for _, kind := range s.db.Kinds() {
		checks = append(checks, api.Check{Name: "database_" + string(kind), Ready: func(ctx context.Context) error { return s.readyFor(ctx, kind) }})
	}
	return checks
}

func (s *Server) readyFor(ctx context.Context, kind auth.Kind) (err error) {
	rows, err := s.db.AnonymousQueryAs(ctx, kind, readySQL, strings.Join(requiredFunctions()[kind], ";"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var version, missing, unusable string
	for rows.Next() {
		if err := rows.Scan(&version, &missing, &unusable); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch head := s.config.SchemaVersion; {
	case unusable != "":
		return fmt.Errorf("roles of functions have no USAGE on a schema: %s: restore it with GRANT USAGE ON SCHEMA", unusable)
	case version < head:
		return fmt.Errorf("the database is at version %s, but the service requires version %s: run chenu migrate apply", version, head)
	case missing != "" && (version == head || head == ""):
		// A newer schema may have dropped functions that this program does not call.
		return fmt.Errorf("chenu_%s cannot execute %s: restore the functions and their privileges (chenu migrate drift shows what differs)", kind, missing)
	}
	return nil
}

// requiredFunctions returns the functions that the policies grant to each kind of actor.
var requiredFunctions = sync.OnceValue(func() map[auth.Kind][]string {
	functions := map[auth.Kind][]string{}
	for _, file := range policies.SQL() {
		for _, grant := range grantExecute.FindAllStringSubmatch(file.SQL, -1) {
			for role := range strings.SplitSeq(grant[2], ",") {
				kind := auth.Kind(strings.TrimPrefix(strings.TrimSpace(role), "chenu_"))
				functions[kind] = append(functions[kind], strings.Join(strings.Fields(grant[1]), " "))
			}
		}
	}
	for _, list := range functions {
		slices.Sort(list)
	}
	return functions
})

var grantExecute = regexp.MustCompile(`(?s)GRANT EXECUTE ON FUNCTION (app\.\w+\([^)]*\)) TO ([^;]+);`)
