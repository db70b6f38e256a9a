"""Write the page: one table per part, each figure with its spread, its target, and whether it was met."""

from collections.abc import Callable
from typing import Any

from benchmarks.serving import journal, latency, shadow, soak, start
from benchmarks.serving.throughput import OURS

Found = dict[str, Any]


def page(results: Found) -> str:
    """The whole page in Markdown, from serving.json."""
    lines = ["# `just bench serving`", "", _preface(results["machine"]), ""]
    for name, write in _PARTS.items():
        if name in results["parts"]:
            part = results["parts"][name]
            lines += [f"## {name.capitalize()}", "", _when(part), "", *write(part["found"]), ""]
    return "\n".join(lines)


def _preface(machine: Found) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    peers = "; ".join(
        f"{name}: " + ", ".join(f"{package} {found}" for package, found in listed.items())
        for name, listed in machine["peers"].items()
    )
    favoured = (
        f"at priority {machine['priority']}, what makes the load before it"
        if machine["priority"]
        else "at ordinary priority"
    )
    return (
        f"{machine['system']}, {machine['cores']} cores, {machine['gib']} GiB, Python {machine['python']}; {versions}. "
        f"Peers, each in an environment of its own: {peers}. Closed-loop load by {machine['wrk']}, open-loop load by "
        f"`benchmarks/serving/openloop.c`, 8 connections kept alive. Every server is one worker on core {machine['server_core']}; "
        f"load and all that stands beside the API share core {machine['load_core']}; all of it runs {favoured}. "
        f"Model of `{machine['source']}`; {machine['deals_asked']} distinct deals take turns. Closecast gets raw deals, checks the "
        "caller, builds 31 features and answers five horizons; peers get ready-made features and answer one. "
        "Values are medians with least and greatest of the rounds; a ratio compares runs that followed each other. "
        "Other work shares the machine: look at the spread."
    )


def _when(part: Found) -> str:
    beside = ", ".join(part["beside"])
    return (
        f"{part['at']}, {part['rounds']} rounds of {part['seconds']:.0f} s; beside the API ran {beside}; "
        f"load average before: {part['load_average_before']}."
    )


def _value(figure: Found, form: str = ",.0f") -> str:
    return f"{figure['median']:{form}} ({figure['min']:{form}} to {figure['max']:{form}})"


def _verdict(value: float, target: float | None, at_least: bool) -> str:
    if target is None:
        return ""
    met = value >= target if at_least else value <= target
    return f"{'at least' if at_least else 'at most'} {target:g}: {'met' if met else '**missed**'}"


def _throughput(found: Found) -> list[str]:
    lines = []
    for label, part in found.items():
        lines += [
            f"Model of {label}:",
            "",
            "| server | requests/s | p50 ms | p99 ms | Closecast over it | target |",
            "|---|---|---|---|---|---|",
        ]
        for name, server in sorted(part["servers"].items(), key=lambda entry: entry[1]["rate"]["median"]):
            row = f"| {name} | {_value(server['rate'])} | {_value(server['p50'], '.2f')} | {_value(server['p99'], '.2f')} "
            if name == OURS:
                lines.append(f"{row}| | |")
                continue
            ratio = part["ratios"][name]
            lines.append(f"{row}| {_value(ratio, '.2f')} | {_verdict(ratio['median'], ratio['target'], True)} |")
        lines.append("")
    return lines[:-1]


def _latency(found: Found) -> list[str]:
    lines = [
        f"Saturation, measured before each round: {_value(found['saturation'])} requests/s.",
        "",
        f"Beside each load the core did the same small piece of work every 10 ms. Slowdown: how long that took in the worst tenth "
        f"of a second, against its time at saturation. A load during which it was {latency.LOST:g} or more is measured again, "
        f"{latency.TRIES} times at most; all of them count, and those during which the core kept its pace are told apart.",
        "",
        "| load | times | slowdown | p50 ms | p90 ms | p99 ms | p99.9 ms | generator's own lag, p99 ms | target for p99 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, load in found["loads"].items():
        cells = " | ".join(
            _value(load[figure], ".2f") for figure in ("slowdown", "p50", "p90", "p99", "p999", "lag_p99")
        )
        target = latency.TARGETS.get(name.removesuffix(latency.KEPT))
        verdict = _verdict(load["p99"]["median"], target, False)
        lines.append(f"| {name} | {len(load['p99']['values'])} | {cells} | {verdict} |")
    return lines


def _journal(found: Found) -> list[str]:
    return ["At 500 requests/s:", "", *_with_and_without(found, "p50", journal.TARGET)]


def _shadow(found: Found) -> list[str]:
    return [
        f"At 500 requests/s; with it, {_value(found['scored'])} predictions/s are scored in shadow by the larger model:",
        "",
        *_with_and_without(found, "p99", shadow.TARGET),
    ]


def _with_and_without(found: Found, held: str, target: float) -> list[str]:
    """The table of percentiles of journal and shadow, of which `held` has the target."""
    lines = ["| percentile | with, ms | without, ms | quotient | target |", "|---|---|---|---|---|"]
    for figure, quotient in found["quotients"].items():
        verdict = _verdict(quotient["median"], target if figure == held else None, False)
        cells = " | ".join(_value(found[name][figure], ".2f") for name in ("with", "without"))
        lines.append(f"| {figure} | {cells} | {_value(quotient, '.2f')} | {verdict} |")
    return lines


def _workers(found: Found) -> list[str]:
    cost = found["microseconds"]
    return [
        "Each core carries one worker and the load that feeds it; the servers beside them are shared.",
        "",
        "| workers | requests/s | processor time of the workers per request, µs |",
        "|---|---|---|",
        f"| 1 | {_value(found['one'])} | {_value(cost['one'])} |",
        f"| 2 | {_value(found['two'])} | {_value(cost['two'])} |",
        "",
        f"Ratio: {_value(found['ratio'], '.2f')}; {_verdict(found['ratio']['median'], found['ratio']['target'], True)}.",
    ]


def _batch(found: Found) -> list[str]:
    lines = [
        f"In process, one thread on the core of the server: {_value(found['in_process'])} deals/s. p99 of single predictions at 500/s with no batch: "
        f"{_value(found['p99_alone'], '.2f')} ms.",
        "",
        "| 10,000 deals as | deals/s | share of in-process | target | p99 of singles during batches, ms | times the quiet p99 | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in found["formats"].items():
        lines.append(
            f"| {name} | {_value(one['rate'])} | {_value(one['share'], '.2f')} "
            f"| {_verdict(one['share']['median'], one['share']['target'], True)} | {_value(one['p99'], '.1f')} "
            f"| {_value(one['stall'], '.1f')} | {_verdict(one['stall']['median'], one['stall']['target'], False)} |"
        )
    lines += [
        f"| {name} | refused with status {status} | | **missed** | | | |" for name, status in found["refused"].items()
    ]
    return lines


def _start(found: Found) -> list[str]:
    lines = ["| measure | value | target |", "|---|---|---|"]
    for name in ("from the registry", "from its own cache"):
        verdict = _verdict(found[name]["median"], start.TARGETS["seconds"], False)
        lines.append(f"| exec to ready, model {name}, s | {_value(found[name], '.2f')} | {verdict} |")
    weight = found["megabytes"]
    verdict = _verdict(weight["median"], start.TARGETS["megabytes"], False)
    return [*lines, f"| PSS at rest, all its processes, MB | {_value(weight)} | {verdict} |"]


def _soak(found: Found) -> list[str]:
    return [
        f"{found['minutes']:.0f} minutes at {found['rate']:,.0f} requests/s (half of saturation): {found['ok']:,} answered, "
        f"{found['failed']} failed, {found['unsent']} unsent; p50 {found['p50']:.2f} ms, p99 {found['p99']:.2f} ms, "
        f"greatest {found['max']:.0f} ms. Memory {found['first_mb']:.0f} MB after the first minute, {found['last_mb']:.0f} MB at "
        f"the end: {found['growth_mb']:+.1f} MB ({_verdict(found['growth_mb'], soak.GROWTH_MB, False)}).",
    ]


_PARTS: dict[str, Callable[[Found], list[str]]] = {
    "throughput": _throughput,
    "latency": _latency,
    "journal": _journal,
    "shadow": _shadow,
    "workers": _workers,
    "batch": _batch,
    "start": _start,
    "soak": _soak,
}
