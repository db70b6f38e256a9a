-- What is wrong, one row from its beginning to its end. At most one is open for each rule and what it is about.
CREATE TABLE alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL CHECK (rule ~ '^[a-z][a-z0-9_]{0,79}$'),
    key text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('page', 'note')),
    summary text NOT NULL,
    description text NOT NULL,
    links json NOT NULL,
    labels json NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    times bigint NOT NULL DEFAULT 1,
    closed_at timestamptz,
    told_at timestamptz,
    end_told_at timestamptz
);
COMMENT ON COLUMN alerts.times IS 'how often it was fired';
COMMENT ON COLUMN alerts.told_at IS 'when a message about it was last put into the outbox; null: never';
COMMENT ON COLUMN alerts.end_told_at IS 'when a message about its end was put into the outbox';
CREATE UNIQUE INDEX alerts_open ON alerts (rule, key) WHERE closed_at IS NULL;
CREATE INDEX alerts_end_to_tell ON alerts (id) WHERE closed_at IS NOT NULL AND told_at IS NOT NULL AND end_told_at IS NULL;
CREATE INDEX alerts_closed ON alerts (closed_at);

-- The outbox: a message for one sink. It is tried until it is delivered.
CREATE TABLE alert_deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL,
    sink text NOT NULL,
    alerts bigint[] NOT NULL,
    message json NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    problem text,
    delivered_at timestamptz
);
COMMENT ON COLUMN alert_deliveries.message_id IS 'the same for all sinks, and when it is sent again';
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (sink, id) WHERE delivered_at IS NULL;
CREATE INDEX alert_deliveries_delivered ON alert_deliveries (delivered_at);

CREATE TABLE alert_silences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text,
    labels json NOT NULL,
    until timestamptz NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN alert_silences.rule IS 'null: every rule';
COMMENT ON COLUMN alert_silences.labels IS 'an alert has to have all of them';
