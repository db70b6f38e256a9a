-- Which run made the model that answered: a version's number is given again when the registered model is made anew.
ALTER TABLE predictions ADD COLUMN model_run_id text;
COMMENT ON COLUMN predictions.model_run_id IS 'MLflow run of the model; null of predictions that were made before it was written down';
