"""The files of a reference (closecast.monitoring.reference), for readers that have no need of its libraries."""

PROFILES = ("scored", "closed", "engaged")
ROWS, FIGURES = "rows.parquet", "figures.json"
FILES = (*(f"{name}.profile" for name in PROFILES), ROWS, FIGURES)
