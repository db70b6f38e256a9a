-- Which model was champion when is read from the audit log: it is written with each change, and never rewritten.
CREATE INDEX audit_log_champions ON audit_log (seq)
    WHERE act IN ('model promoted', 'model rolled back', 'promotion seen');

-- Logs that another model is champion, also for a role that may not touch the log otherwise.
CREATE FUNCTION log_champion(act text, actor text, subject text, details text, request_id text)
RETURNS TABLE (seq bigint, sha256 bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF log_champion.act NOT IN ('model promoted', 'model rolled back') THEN
    RAISE EXCEPTION 'log_champion logs no act %', log_champion.act;
  END IF;
  RETURN QUERY INSERT INTO audit_log AS kept (event_id, actor, act, subject, details, request_id)
    VALUES (gen_random_uuid(), log_champion.actor, log_champion.act, log_champion.subject, log_champion.details::json,
      log_champion.request_id)
    RETURNING kept.seq, kept.sha256;
END $$;
REVOKE ALL ON FUNCTION log_champion FROM PUBLIC;

-- To find the predictions of a day. Rows are added in the order of time, so ranges of blocks are as good as a tree, and
-- cost the write path next to nothing.
CREATE INDEX predictions_time ON predictions USING brin ("time") WITH (autosummarize = on);
