package server

import (
	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/resource"
)

// routes is the API's table of contents.
func routes(a *api.API, accounts *account.Service, ready ...api.Check) {
	accounts.Mount(a)

	resource.Mount(a, "/v1/personal/notes", (*ent.Tx).NoteStore)
	resource.Mount(a, "/v1/business/contacts", (*ent.Tx).ContactStore)
	resource.Mount(a, "/v1/business/invoices", (*ent.Tx).InvoiceStore)

	resource.MountReadOnly(a, "/v1/audit-logs", (*ent.Tx).AuditLogStore)

	api.HandlePublic(a, enumsOp, enums)
	api.HandleHealth(a, ready...)
}
