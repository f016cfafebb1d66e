package policies

// definer is what one narrow role, owner of SECURITY DEFINER functions, may do
// with one table. It is the closed list of what works across identities.
type definer struct {
	role string
	// rows limits the rows; empty is all of them.
	rows string
	// grants are privileges with their columns.
	grants []string
}

// definers are the narrow roles' privileges by table.
var definers = map[string][]definer{
	"audit_logs": {{role: "chenu_audit", grants: []string{"INSERT"}}},
	"idempotency_keys": {{role: "chenu_maintain", rows: "expires_at < clock_timestamp()", grants: []string{
		"SELECT (id, created_by, expires_at)", "DELETE",
	}}},
	"identities": {
		{role: "chenu_login", grants: []string{"SELECT (id, email, hashed_password, status, locked_until)"}},
		{role: "chenu_login", rows: "id = " + identity, grants: []string{"UPDATE (hashed_password)"}},
	},
	"sessions": {{role: "chenu_login", rows: "created_by = " + identity, grants: []string{
		"SELECT", "INSERT (id, created_by, expires_at, authenticated_at, amr, ip, user_agent)", "UPDATE (revoked_at)",
	}}},
	"signing_keys": {{role: "chenu_login", grants: []string{"SELECT", "INSERT (id, public_key, private_key)"}}},
}
