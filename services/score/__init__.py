"""The score job: a dispatched Nomad allocation that scores one Parquet file of the lake."""
