-- capabilities
--
-- Runs in one transaction: no other session sees a state in between.
-- Locks, held until commit:
--   public.team_agents: ACCESS EXCLUSIVE (reads and writes wait)

-- Locks public.team_agents: ACCESS EXCLUSIVE (reads and writes wait). Scans public.team_agents.
ALTER TABLE "public"."team_agents" ADD CONSTRAINT "team_agents_capabilities" CHECK (capabilities <@ '{me,threads,checkpoints,personal,business,creative,entertainment,community,social,scholar,government,team,audit-logs}');
