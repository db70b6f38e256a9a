-- What the flow `monitor` said, one row for each model and day; looking again at a day replaces it.
CREATE TABLE verdicts (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    model_run_id text NOT NULL,
    model_version text NOT NULL,
    verdict text NOT NULL
        CHECK (verdict IN ('steady', 'shifted', 'harmful, estimated', 'harmful, proved', 'not judged')),
    reasons text[] NOT NULL,
    figures json NOT NULL,
    said_at timestamptz NOT NULL DEFAULT now(),
    reports_run_id text,
    flow_run_id text,
    UNIQUE (model_run_id, day)
);
COMMENT ON COLUMN verdicts.day IS 'the last day that was looked at';
COMMENT ON COLUMN verdicts.reports_run_id IS 'MLflow run with the reports; null without reports, or once they are deleted';
CREATE INDEX verdicts_day ON verdicts (day DESC, number DESC);

-- Batches whose predictions have left PostgreSQL (closecast.platform.journal.retention).
ALTER TABLE archive_batches ADD COLUMN emptied_at timestamptz;

-- Trainings that a harmful verdict asked for. At most one is open, whoever asks.
CREATE TABLE retrainings (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_run_id text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    result json,
    CHECK ((state = 'open') = (ended_at IS NULL))
);
COMMENT ON COLUMN retrainings.model_run_id IS 'the model that was found harmful';
CREATE UNIQUE INDEX retrainings_one_open ON retrainings ((true)) WHERE state = 'open';
