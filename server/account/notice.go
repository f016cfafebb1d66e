package account

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/accountnotice"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/mailer"
	"github.com/chenu/chenu/server/session"
)

// noticeInterval is the pause between two checks for notices to send. Changes through other instances or through SQL
// also store notices.
const noticeInterval = 5 * time.Second

// noticesAtOnce is how many notices an instance takes in one batch.
const noticesAtOnce = 10

// noticeFacts are the details of notices of all kinds.
type noticeFacts struct {
	AgentID            uuid.UUID `json:"agent_id"`
	CredentialID       uuid.UUID `json:"credential_id"`
	ExpiresAt          time.Time `json:"expires_at"`
	Credentials        int       `json:"credentials"`
	EndedSessions      int       `json:"ended_sessions"`
	RevokedCredentials int       `json:"revoked_credentials"`
	SuspendedAgents    int       `json:"suspended_agents"`
	Requests           int       `json:"requests"`
	Approvals          int       `json:"approvals"`
	Trials             int       `json:"trials"`
	TrialID            uuid.UUID `json:"trial_id"`
	Schedules          int       `json:"schedules"`
	ScheduleID         uuid.UUID `json:"schedule_id"`
}

// noticeText returns the mail of a notice, or false if the kind is unknown. The mail contains ids, counts and times,
// and no text that a client chose.
func noticeText(kind string, f noticeFacts, at time.Time) (subject, text string, ok bool) {
	when, expires := mailTime(at), mailTime(f.ExpiresAt)
	const stop = "To suspend all agents of the account at once, use POST /v1/team/agents/suspend-all. To change the password and revoke all " +
		"credentials of agents, use POST /v1/me/password with \"revoke_agents\": true.\n"
	switch kind {
	case "password_reset":
		return "Your password was reset", fmt.Sprintf("On %s, the password of your account was reset with a token from a mail to this address. "+
			"All sessions ended, and pending requests for approval expired. The reset revoked %s of agents and suspended %s.\n\n"+
			"If it was not you, somebody else can read your mail. Secure your mailbox first, then reset the password again: POST /v1/auth/request-password-reset.\n",
			when, counted(f.RevokedCredentials, "credential"), counted(f.SuspendedAgents, "agent")), true
	case "credential_created":
		return "A credential was created for your agent", fmt.Sprintf("On %s, the credential %s was created for your agent %s. It is valid until %s.\n\n"+
			"If it was not you, revoke the credential: DELETE /v1/team/agents/%s/credentials/%s. ",
			when, f.CredentialID, f.AgentID, expires, f.AgentID, f.CredentialID) + stop, true
	case "agent_hired":
		return "An agent was hired", fmt.Sprintf("On %s, the agent %s was hired or resumed. It can act for your account.\n\n"+
			"If it was not you, dismiss the agent: POST /v1/team/agents/%s/dismiss. ", when, f.AgentID, f.AgentID) + stop, true
	case "credentials_expire":
		return "Credentials of your agents now expire", fmt.Sprintf("On %s, an upgrade of the service limited the validity of agents' credentials to 365 days. "+
			"%s of your agents had no end or a later one, and received an earlier end. The first credential expires on %s.\n\n"+
			"Create new credentials before then: POST /v1/team/agents/{id}/credentials.\n", when, counted(f.Credentials, "credential"), expires), true
	case "requests_expired":
		return "Requests for approval expired", fmt.Sprintf("An upgrade of the service on %s changed what an approval covers. In your account, %s "+
			"for approval expired before you decided. %s that no request had used can no longer be used. Nothing was written with these approvals.\n\n"+
			"If a write is still wanted, repeat its request: the service asks for approval again. To list the expired requests: GET /v1/checkpoints?status=expired.\n",
			when, counted(f.Requests, "request"), counted(f.Approvals, "approval")), true
	case "future_ethics_approvals":
		return "Clinical trials with an ethics approval in the future", fmt.Sprintf("On %s, an upgrade of the service found %s in your account past the planning stage, with an ethics "+
			"approval date in the future. The service no longer accepts such a date. The id of the first trial is %s.\n\n"+
			"Correct ethics_approved_on: PATCH /v1/government/clinical-trials/%s.\n", when, counted(f.Trials, "clinical trial"), f.TrialID, f.TrialID), true
	case "unapproved_schedules":
		return "Scheduled posts that you have not approved", fmt.Sprintf("On %s, an upgrade of the service found %s in your account that an agent set, or whose post an agent "+
			"changed, without your approval. An earlier version of the service did not require it. The posts are still scheduled. The id of the first schedule is %s.\n\n"+
			"Read the posts: GET /v1/social/schedules?status=scheduled. To cancel a schedule: PATCH /v1/social/schedules/%s with \"status\": \"cancelled\".\n",
			when, counted(f.Schedules, "schedule"), f.ScheduleID, f.ScheduleID), true
	}
	return "", "", false
}

// counted returns a number and its noun, for example "1 agent" or "2 agents".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// wakeNotices makes runNotices check for notices immediately. It does not block.
func (s *Service) wakeNotices() {
	select {
	case s.notices <- struct{}{}:
	default:
	}
}

// runNotices sends notices until ctx is done; the context sending limits how long a mail may take. A notice that was
// taken and not sent becomes due again later, on this or another instance.
func (s *Service) runNotices(ctx, sending context.Context) {
	ticker := time.NewTicker(noticeInterval)
	defer ticker.Stop()
	for {
		for ctx.Err() == nil {
			n, err := s.sendNotices(sending)
			if err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "notices could not be sent", "error", err)
			}
			if err != nil || n < noticesAtOnce {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.notices:
		}
	}
}

const takeNoticesSQL = `SELECT notice_id, identity_id FROM app.take_notices($1)`

// sendNotices takes due notices, sends them, and returns how many it took.
func (s *Service) sendNotices(ctx context.Context) (int, error) {
	type due struct{ id, owner uuid.UUID }
	var taken []due
	err := s.DB.Anonymous(ctx, func(q session.Querier) error {
		taken = nil
		return session.Each(ctx, q, takeNoticesSQL, []any{noticesAtOnce}, func(rows *sql.Rows) error {
			var d due
			err := rows.Scan(&d.id, &d.owner)
			taken = append(taken, d)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("take notices: %w", err)
	}
	for _, d := range taken {
		if err := s.sendNotice(ctx, d.id, d.owner); err != nil {
			s.Log.ErrorContext(ctx, "a notice could not be sent", "notice_id", d.id, "error", err)
		}
	}
	return len(taken), nil
}

const markNoticeSentSQL = `SELECT app.mark_notice_sent($1)`

// sendNotice sends a notice to the address of its identity and marks the notice as sent.
func (s *Service) sendNotice(ctx context.Context, id, owner uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	as := auth.With(ctx, self(owner, uuid.Nil))
	var m mailer.Message
	err := s.DB.Do(as, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error {
		notice, err := tx.AccountNotice.Query().Where(accountnotice.ID(id), accountnotice.CreatedBy(owner)).Only(ctx)
		if err != nil {
			return fmt.Errorf("read the notice: %w", err)
		}
		var facts noticeFacts
		if err := json.Unmarshal(notice.Details, &facts); err != nil {
			return fmt.Errorf("read the notice's details: %w", err)
		}
		me, err := read(ctx, tx, owner)
		if err != nil {
			return err
		}
		subject, text, ok := noticeText(notice.Kind, facts, notice.CreatedAt)
		if !ok {
			return fmt.Errorf("unknown kind %q", notice.Kind)
		}
		m = mailer.Message{To: me.Email, Subject: subject, Text: text}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.Mail.Send(ctx, m); err != nil {
		return err
	}
	return s.DB.Do(as, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, markNoticeSentSQL, id)
		return err
	})
}
