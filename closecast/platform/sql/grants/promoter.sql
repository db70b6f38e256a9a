-- Flows that make a model champion say so in the audit log. They hold their lock without any right.
GRANT EXECUTE ON FUNCTION log_champion TO promoter;
