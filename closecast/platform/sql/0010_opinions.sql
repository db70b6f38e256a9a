-- What people expect of a deal where they disagree with the model. It is shown beside the model's chance and the outcome,
-- and changes neither.

CREATE TABLE opinions (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  opportunity_id text NOT NULL,
  expects        text NOT NULL CHECK (expects IN ('higher', 'lower')),
  reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
  caller         text NOT NULL,
  name           text NOT NULL,
  as_of          date NOT NULL,
  until          date NOT NULL CHECK (until > as_of),
  probability    float8 NOT NULL CHECK (probability BETWEEN 0 AND 1),
  model_version  text NOT NULL,
  model_run_id   text NOT NULL,
  told_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON opinions (opportunity_id, told_at DESC);
