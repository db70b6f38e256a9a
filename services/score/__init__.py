"""One partition of a batch: a dispatched Nomad allocation that reads Parquet from the lake and writes probabilities."""
