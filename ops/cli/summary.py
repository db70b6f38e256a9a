"""The table of `up` and `status`: each service with its health and address, and where the credentials are."""

from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.api.client import Api
from ops.errors import OperatorError
from ops.model.source import is_gone, own_source
from ops.nomad import jobs
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster
from ops.prefect.pipeline import Prefect
from ops.setup import caddy_binary, metrics_binaries
from ops.setup.credentials import Credentials
from ops.setup.nomad_binary import Nomad

_TITLES = {
    "postgres": "PostgreSQL (databases)",
    "cache": "Valkey (cache)",
    "localstack": "LocalStack (S3, secrets)",
    "mlflow": "MLflow (runs, registry)",
    "prefect": "Prefect (flows)",
    "prefect-worker": "Prefect worker",
    "journal": "Prediction journal",
    "shadow": "Shadow scoring",
    "api": "Prediction API",
    "ui": "User interface",
    "gateway": "Gateway (TLS)",
    "alerts": "Alerts",
    "alertmanager": "Alertmanager",
    "prometheus": "Prometheus",
}
# Wide enough for the longest address, even if the output is not a terminal.
_console = Console(width=140)


def services(cluster: Cluster, agent: Agent, nomad: Nomad) -> bool:
    """Print one row per service; returns whether all are healthy."""
    table = Table(title="Closecast", title_justify="left", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("service", "health", "address"):
        table.add_column(heading, no_wrap=True)
    all_healthy = agent.client.is_running()
    word = "[green]healthy" if all_healthy else "[red]its client is not running, `just up` starts it"
    table.add_row("Nomad (scheduler)", f"{word}[/], {nomad.version} ({nomad.origin})", f"{agent.address}/ui")
    runnable = jobs.runnable()
    asked = jobs.healths(cluster, runnable)
    for name, found in asked.items():
        all_healthy &= found.healthy
        restarts = f", {found.restarts} restarts" if found.restarts else ""
        colour = "green" if found.healthy else "red"
        table.add_row(_TITLES[name], f"[{colour}]{_short(found.word)}{restarts}[/]", found.url)
    _console.print(table)
    if asked["api"].url and (said := Api(jobs.address(cluster, "api"), "").reservation()):
        print(f"\nchampion      {said}")
    if "gateway" not in runnable:
        print(f"\n{caddy_binary.ABSENT}")
    if "prometheus" not in runnable:
        print(f"\n{metrics_binaries.ABSENT}")
    return all_healthy


def _short(word: str, longest: int = 64) -> str:
    """Cut a long message so that the addresses stay visible; `just logs` has the rest."""
    return word if len(word) <= longest else f"{word[: longest - 1]}…"


def summary(cluster: Cluster, agent: Agent, nomad: Nomad, prediction: dict[str, Any]) -> None:
    """Print the table at the end of `up`."""
    print()
    services(cluster, agent, nomad)
    print(f"\nsource        {describe_source(cluster)}")
    print(f"credentials   {Credentials.file()} (only you can read it; `just api-key` prints the API's key)")
    print(
        "sign in       to the user interface and to the pages of Prefect and MLflow with what `just passwords` prints"
    )
    if "gateway" in jobs.runnable():
        address = jobs.address(cluster, "gateway")
        print(f"TLS           curl --cacert {jobs.root_certificate()} {address}/health/ready")
    print(f"prediction    {describe_prediction(prediction)}")


def describe_source(cluster: Cluster) -> str:
    """Describe the default source of the flows' data."""
    try:
        source = own_source(Prefect(jobs.address(cluster, "prefect")))
    except OperatorError as error:
        return f"not known while Prefect is away: {error.problem}"
    if source is None:
        return "none yet: `just up` sets it"
    return f"{source} (it is gone: put it back, or name another by `just up --source …`)" if is_gone(source) else source


def describe_prediction(prediction: dict[str, Any]) -> str:
    """Describe a prediction in a sentence."""
    deal, answer = prediction["deal"], prediction["answer"]
    by = date.fromisoformat(answer["by"])
    account = f" to {deal['account']}" if deal.get("account") else ""
    return (
        f"deal {deal['opportunity_id']} ({deal['sales_agent']}, {deal['product']}{account}) has a chance of "
        f"{answer['probability']:.0%} to be won by {by:%-d %B %Y}, as of {answer['as_of']} "
        f"(model {answer['model']['name']} version {answer['model']['version']})"
    )
