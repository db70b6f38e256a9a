-- The job `shadow` reads predictions without the deals' own columns, and adds what its model says of them.
GRANT SELECT (id, "row", batch, "time", opportunity_id, as_of, horizon_days, probability, model_version, days, features, model_run_id)
    ON predictions TO shadow;
GRANT SELECT (number, closed_at) ON archive_batches TO shadow;
GRANT SELECT, INSERT ON shadow_predictions TO shadow;
GRANT SELECT, INSERT, UPDATE ON shadow_positions TO shadow;
GRANT SELECT (name) ON migrations TO shadow;
