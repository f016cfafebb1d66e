package server

import (
	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/agent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/audit"
	"github.com/chenu/chenu/server/bibliography"
	"github.com/chenu/chenu/server/checkpoint"
	"github.com/chenu/chenu/server/citation"
	"github.com/chenu/chenu/server/habit"
	"github.com/chenu/chenu/server/privacy"
	"github.com/chenu/chenu/server/resource"
	"github.com/chenu/chenu/server/rsvp"
	"github.com/chenu/chenu/server/thread"
)

// routes registers all operations of the API.
func routes(a *api.API, accounts *account.Service, agents *agent.Service, mine *privacy.Service, ready ...api.Check) {
	accounts.Mount(a)
	mine.Mount(a)
	thread.Mount(a)
	checkpoint.Mount(a)

	resource.Mount(a, "/v1/personal/notes", (*ent.Tx).NoteStore)
	resource.Mount(a, "/v1/personal/tasks", (*ent.Tx).TaskStore)
	resource.Mount(a, "/v1/personal/habits", (*ent.Tx).HabitStore)
	habit.Mount(a)

	resource.Mount(a, "/v1/business/contacts", (*ent.Tx).ContactStore)
	resource.Mount(a, "/v1/business/invoices", (*ent.Tx).InvoiceStore)
	resource.Mount(a, "/v1/business/projects", (*ent.Tx).ProjectStore)

	resource.Mount(a, "/v1/creative/assets", (*ent.Tx).CreativeAssetStore)
	resource.Mount(a, "/v1/creative/projects", (*ent.Tx).CreativeProjectStore)

	resource.Mount(a, "/v1/entertainment/playlists", (*ent.Tx).PlaylistStore)
	resource.MountAppendOnly(a, "/v1/entertainment/stream-history", (*ent.Tx).StreamHistoryStore)

	resource.Mount(a, "/v1/community/groups", (*ent.Tx).CommunityGroupStore)
	resource.Mount(a, "/v1/community/events", (*ent.Tx).CommunityEventStore)
	rsvp.Mount(a)

	resource.Mount(a, "/v1/social/posts", (*ent.Tx).SocialPostStore)
	resource.Mount(a, "/v1/social/schedules", (*ent.Tx).SocialScheduleStore)

	resource.Mount(a, "/v1/scholar/references", (*ent.Tx).ReferenceStore)
	citation.Mount(a)
	bibliography.Mount(a)
	resource.Mount(a, "/v1/scholar/manuscripts", (*ent.Tx).ManuscriptStore)

	resource.Mount(a, "/v1/government/compliance-items", (*ent.Tx).ComplianceItemStore)
	resource.Mount(a, "/v1/government/clinical-trials", (*ent.Tx).ClinicalTrialStore)

	resource.Mount(a, "/v1/team/members", (*ent.Tx).TeamMemberStore)
	resource.Mount(a, "/v1/team/agents", (*ent.Tx).HiredAgentStore)
	resource.Mount(a, "/v1/team/tasks", (*ent.Tx).TeamTaskStore)

	agents.Mount(a)

	resource.MountReadOnly(a, "/v1/audit-logs", (*ent.Tx).AuditLogStore, audit.Discloses)
	audit.Mount(a)

	mountMeta(a)
	api.HandleHealth(a, ready...)
}
