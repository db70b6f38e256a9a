"""Links to the runs of models in MLflow's pages."""


class Runs:
    """Runs of the MLflow server at `tracking_uri`."""

    def __init__(self, tracking_uri: str) -> None:
        self._base = tracking_uri.rstrip("/")

    def page(self, run_id: str) -> str:
        """The address of the run's page."""
        return f"{self._base}/#/runs/{run_id}"
