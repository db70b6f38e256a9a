-- Who may call the API, and what was done to it: keys (hashes only) and an append-only, hash-chained audit log.

CREATE TABLE api_keys (
  id           text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{12}$'),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  role         text NOT NULL CHECK (role IN ('viewer', 'scorer', 'admin')),
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

-- A key has one secret, and while a rotation's grace lasts the secrets before it too.
CREATE TABLE api_key_secrets (
  sha256      bytea PRIMARY KEY CHECK (length(sha256) = 32),
  key_id      text NOT NULL REFERENCES api_keys,
  made_at     timestamptz NOT NULL DEFAULT now(),
  valid_until timestamptz
);
CREATE INDEX ON api_key_secrets (key_id);

CREATE FUNCTION api_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY api_keys;
  RETURN NULL;
END $$;

-- Not for last_used_at: that changes all the time and lets nobody in or out.
CREATE TRIGGER api_keys_changed AFTER INSERT OR DELETE OR UPDATE OF role, expires_at, revoked_at ON api_keys
  FOR EACH STATEMENT EXECUTE FUNCTION api_keys_changed();
CREATE TRIGGER api_key_secrets_changed AFTER INSERT OR UPDATE OR DELETE ON api_key_secrets
  FOR EACH STATEMENT EXECUTE FUNCTION api_keys_changed();

CREATE TABLE audit_log (
  seq        bigint PRIMARY KEY,
  event_id   uuid NOT NULL UNIQUE,
  at         timestamptz NOT NULL,
  actor      text NOT NULL,
  act        text NOT NULL,
  subject    text NOT NULL,
  details    json NOT NULL, -- json, not jsonb: the text is hashed, so the text must be kept
  request_id text,
  previous   bytea NOT NULL,
  sha256     bytea NOT NULL
);

-- closecast/platform/callers/audit.py computes the same, without asking the database.
CREATE FUNCTION audit_seal(entry audit_log) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(convert_to(string_agg(
    CASE WHEN field IS NULL THEN '-' ELSE octet_length(field) || ':' || field END, ',' ORDER BY place), 'UTF8'))
  FROM unnest(ARRAY[
    entry.seq::text, entry.event_id::text, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    entry.actor, entry.act, entry.subject, entry.details::text, entry.request_id, encode(entry.previous, 'hex')
  ]) WITH ORDINALITY AS listed (field, place)
$$;

CREATE FUNCTION audit_append() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  head audit_log;
BEGIN
  -- One writer at a time: each row's place and seal depend on the row before it, and the lock lasts until it is committed.
  PERFORM pg_advisory_xact_lock(hashtext('audit_log'));
  SELECT * INTO head FROM audit_log ORDER BY seq DESC LIMIT 1;
  NEW.seq := coalesce(head.seq, 0) + 1;
  NEW.at := clock_timestamp();
  NEW.previous := coalesce(head.sha256, '\x00');
  NEW.sha256 := audit_seal(NEW);
  RETURN NEW;
END $$;

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only: % is not allowed', TG_OP;
END $$;

CREATE TRIGGER audit_append BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_append();
CREATE TRIGGER audit_keep_rows BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_keep_table BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
