"""The data lake on S3: raw exports, typed deals, quarantined rows, and training snapshots."""
