-- What a model said in shadow of what another one had answered. Exactly once for each prediction and shadow model.
CREATE TABLE shadow_predictions (
    model_run_id text NOT NULL,
    id uuid NOT NULL,
    "row" integer NOT NULL,
    model_version text NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    opportunity_id text NOT NULL,
    "time" timestamptz NOT NULL,
    as_of date NOT NULL,
    horizon_days integer NOT NULL,
    served_run_id text NOT NULL,
    served_version text NOT NULL,
    served double precision NOT NULL,
    PRIMARY KEY (model_run_id, id, "row")
);
COMMENT ON TABLE shadow_predictions IS 'id and row are those of predictions, whose rows may leave before these do';
COMMENT ON COLUMN shadow_predictions.served IS 'the probability that was answered';
CREATE INDEX shadow_predictions_question ON shadow_predictions
    (model_run_id, served_run_id, opportunity_id, as_of, horizon_days, "time");

-- How far each shadow model has come. Archive batches are worked through in their order, once they are closed.
CREATE TABLE shadow_positions (
    model_run_id text PRIMARY KEY,
    model_version text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    done bigint NOT NULL,
    last_id uuid,
    last_row integer,
    CHECK ((last_id IS NULL) = (last_row IS NULL))
);
COMMENT ON COLUMN shadow_positions.done IS 'archive batches up to this one are done';
COMMENT ON COLUMN shadow_positions.last_id IS 'in the next batch, predictions up to this key are done; null at its beginning';

-- Where a deal lies between 0 and 1, always the same place: deals below the sampling rate are scored in shadow.
CREATE FUNCTION shadow_share(opportunity_id text) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('x' || encode(substring(sha256(convert_to(opportunity_id, 'UTF8')) FOR 4), 'hex'))::bit(32)::bigint / 4294967296.0::float8
$$;

-- What the outcomes said of a shadow model, by the day up to which they were known.
CREATE TABLE shadow_comparisons (
    shadow_run_id text NOT NULL,
    served_run_id text NOT NULL,
    reach date NOT NULL,
    shadow_version text NOT NULL,
    served_version text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('better', 'worse', 'inconclusive')),
    deals bigint NOT NULL,
    figures json NOT NULL,
    sentence text NOT NULL,
    compared_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shadow_run_id, served_run_id, reach)
);
CREATE INDEX shadow_comparisons_newest ON shadow_comparisons (compared_at DESC);

-- Champions that were exchanged by what the outcomes said. At most one exchange is begun and not ended.
CREATE TABLE champion_changes (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('promotion', 'rollback')),
    version text NOT NULL,
    run_id text NOT NULL,
    before_version text NOT NULL,
    before_run_id text NOT NULL,
    policy text NOT NULL,
    decided_by text NOT NULL,
    evidence json NOT NULL,
    sentence text NOT NULL,
    evidence_until timestamptz NOT NULL,
    begun_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'done', 'overtaken')),
    ended_at timestamptz,
    CHECK ((state = 'begun') = (ended_at IS NULL))
);
COMMENT ON COLUMN champion_changes.evidence_until IS 'the latest answer that counted: a later comparison of the two takes none of these again';
CREATE UNIQUE INDEX champion_changes_one_begun ON champion_changes ((true)) WHERE state = 'begun';
