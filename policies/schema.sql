-- What is not the API's data stands in schema app: functions and supporting
-- tables. The serving roles may use its objects, each by its own grant.
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO chenu_human, chenu_agent, chenu_auditor, chenu_audit, chenu_login, chenu_maintain, chenu_derive, chenu_threads, chenu_erase, chenu_gate;
GRANT USAGE ON SCHEMA public TO chenu_human, chenu_agent, chenu_auditor, chenu_audit, chenu_login, chenu_maintain, chenu_derive, chenu_threads, chenu_erase, chenu_gate;
