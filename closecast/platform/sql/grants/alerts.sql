-- The service `alerts` tells of alerts, and looks whether the flow `monitor` has run.
GRANT SELECT, INSERT, UPDATE, DELETE ON alerts, alert_deliveries, alert_silences TO alerts;
GRANT SELECT (judged_at) ON judgements TO alerts;
GRANT SELECT (number, opened_at) ON archive_batches TO alerts;
GRANT SELECT (name) ON migrations TO alerts;
