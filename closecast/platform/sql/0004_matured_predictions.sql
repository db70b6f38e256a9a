-- What is known of each deal's end, as closecast.monitoring.outcomes decides: the last report of it.
CREATE TABLE known_deals (
    opportunity_id text PRIMARY KEY,
    stage text NOT NULL CHECK (stage IN ('Won', 'Lost', 'Open')),
    close_date date,
    told_on date NOT NULL,
    posted_at timestamptz,
    CHECK ((stage = 'Open') = (close_date IS NULL))
);
COMMENT ON COLUMN known_deals.posted_at IS 'changed_at of the row of outcomes that was taken last';

-- Predictions whose horizon has passed, each once, as closecast.monitoring.matured judges them.
CREATE TABLE matured_predictions (
    id uuid NOT NULL,
    "row" integer NOT NULL,
    opportunity_id text NOT NULL,
    as_of date NOT NULL,
    horizon_days integer NOT NULL,
    model_version text NOT NULL,
    model_run_id text,
    probability double precision NOT NULL,
    won boolean NOT NULL,
    matured_on date NOT NULL,
    counts boolean NOT NULL,
    PRIMARY KEY (id, "row")
);
COMMENT ON COLUMN matured_predictions.counts IS 'one prediction of a deal at a time counts as evidence';
CREATE INDEX matured_predictions_model ON matured_predictions (model_run_id, matured_on);
CREATE INDEX matured_predictions_deal ON matured_predictions (opportunity_id);

-- What was done each night. The last row says how far the next one has to go.
CREATE TABLE judgements (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    judged_at timestamptz NOT NULL DEFAULT now(),
    reach date,
    batch bigint NOT NULL,
    counts json NOT NULL
);
COMMENT ON COLUMN judgements.reach IS 'the day up to which all closes are known';
COMMENT ON COLUMN judgements.batch IS 'the archive batch that was open: predictions of it and later ones may be new';

-- To find those that mature within some days. Ranges of blocks: a tree would cost each prediction that is recorded more than
-- it saves a nightly run, which finds the predictions of a deal by reading all.
CREATE INDEX predictions_matures ON predictions USING brin ((as_of + horizon_days));
