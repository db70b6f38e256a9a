-- What was answered, one row for each deal of a request. Rows are only ever added.
CREATE TABLE predictions (
    id uuid NOT NULL,
    "row" integer NOT NULL,
    batch bigint NOT NULL,
    request_id text NOT NULL,
    "time" timestamptz NOT NULL,
    caller text NOT NULL,
    kind text NOT NULL,
    opportunity_id text,
    deal json NOT NULL,
    unseen text[] NOT NULL,
    as_of date NOT NULL,
    horizon_days integer NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    probabilities json,
    model_version text NOT NULL,
    days integer[] NOT NULL,
    features bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, "row")
);
COMMENT ON COLUMN predictions.batch IS 'the archive batch that was open when the row was stored';
COMMENT ON COLUMN predictions.deal IS 'as it was sent: json, because jsonb refuses what JSON allows (U+0000)';
COMMENT ON COLUMN predictions.features IS 'float64, little endian, one line of features for each of days';
CREATE INDEX predictions_batch ON predictions (batch);

-- A batch is one set of rows that goes to the lake together. Rows join the open one; a closed one never changes again.
CREATE TABLE archive_batches (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name uuid NOT NULL DEFAULT gen_random_uuid(),
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    archived_at timestamptz,
    rows bigint,
    files integer
);
CREATE UNIQUE INDEX archive_batches_one_open ON archive_batches ((true)) WHERE closed_at IS NULL;
CREATE INDEX archive_batches_due ON archive_batches (number) WHERE archived_at IS NULL;

-- How deals ended, told by those who know: what predictions are measured against.
CREATE TABLE outcomes (
    opportunity_id text PRIMARY KEY,
    deal_stage text NOT NULL CHECK (deal_stage IN ('Won', 'Lost')),
    close_date date NOT NULL,
    close_value double precision,
    caller text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
