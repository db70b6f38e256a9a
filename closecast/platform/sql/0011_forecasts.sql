-- What was expected, as of a date, to be won after it until a later date. Sums of deals: no deal and no name is in it.

CREATE TABLE forecasts (
  source       text NOT NULL,
  as_of        date NOT NULL,
  until        date NOT NULL CHECK (until > as_of),
  model_run_id text NOT NULL,
  open_cents   bigint NOT NULL,
  new_cents    bigint NOT NULL,
  variance     float8 NOT NULL CHECK (variance >= 0),
  known_cents  bigint NOT NULL,
  made_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, as_of, until, model_run_id)
);
COMMENT ON COLUMN forecasts.model_run_id IS 'of the model that served then; empty where it was made afterwards';
COMMENT ON COLUMN forecasts.known_cents IS 'won until as_of in the data it was made from: other data make it anew';
