-- The flow `monitor` reads predictions without the deals' own columns, and writes what it finds.
GRANT SELECT (id, "row", batch, "time", opportunity_id, as_of, horizon_days, probability, model_version, days, features, model_run_id)
    ON predictions TO monitor;
GRANT SELECT (opportunity_id, deal_stage, close_date, changed_at) ON outcomes TO monitor;
GRANT SELECT (number) ON archive_batches TO monitor;
GRANT SELECT, INSERT ON judgements TO monitor;
GRANT SELECT, INSERT, UPDATE ON known_deals, retrainings TO monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON matured_predictions, verdicts TO monitor;
GRANT SELECT ON shadow_predictions TO monitor;
GRANT SELECT, INSERT, UPDATE ON shadow_comparisons, champion_changes TO monitor;
GRANT SELECT, INSERT, UPDATE ON alerts, flow_runs TO monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON forecasts TO monitor;
GRANT SELECT (name) ON migrations TO monitor;
