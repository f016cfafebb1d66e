-- atlas:txmode none

-- enforce agent capabilities
--
-- Runs outside a transaction, statement by statement. Some take long; none of those keeps reads or writes waiting.
-- Strongest locks, each for its statement alone:
--   public.team_agents: SHARE UPDATE EXCLUSIVE (reads and writes go on)

-- Locks public.team_agents: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.team_agents.
ALTER TABLE public.team_agents VALIDATE CONSTRAINT team_agents_capabilities;
