-- The last run of each flow that has ended, as the worker sees it in Prefect: the API has no key to Prefect.

CREATE TABLE flow_runs (
  flow       text PRIMARY KEY,
  name       text NOT NULL,
  state      text NOT NULL CHECK (state IN ('completed', 'failed', 'crashed')),
  message    text NOT NULL,
  started_at timestamptz,
  ended_at   timestamptz NOT NULL,
  page       text NOT NULL
);
