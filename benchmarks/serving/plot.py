"""Plot serving.json: throughput compared with the peers, and memory over the soak."""

from pathlib import Path
from typing import Any

from benchmarks.serving.throughput import OURS


def draw(results: dict[str, Any], file: Path) -> None:
    """Write an SVG with a panel for each part that has a plot; no file if there is none."""
    # Imported here: it takes a second, and a failed run plots nothing.
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "closecast"  # the same figures make the same file
    from matplotlib import pyplot

    parts = results["parts"]
    panels = list(parts["throughput"]["found"].items()) if "throughput" in parts else []
    count = len(panels) + ("soak" in parts)
    if not count:
        return
    figure, places = pyplot.subplots(count, 1, figsize=(8, 2.6 * count), squeeze=False, layout="constrained")
    for place, (label, found) in zip(places[:, 0], panels, strict=False):
        _bars(place, label, found["servers"])
    if "soak" in parts:
        _memory(places[-1, 0], parts["soak"]["found"])
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _bars(place: Any, label: str, servers: dict[str, Any]) -> None:
    ordered = sorted(servers.items(), key=lambda entry: entry[1]["rate"]["median"])
    rates = [server["rate"]["median"] for _, server in ordered]
    least = [rate - server["rate"]["min"] for rate, (_, server) in zip(rates, ordered, strict=True)]
    most = [server["rate"]["max"] - rate for rate, (_, server) in zip(rates, ordered, strict=True)]
    colours = ["tab:orange" if name == OURS else "tab:blue" for name, _ in ordered]
    bars = place.barh([name for name, _ in ordered], rates, xerr=[least, most], color=colours, capsize=3)
    place.bar_label(bars, labels=[f"{rate:,.0f}" for rate in rates], padding=12)
    place.set_title(f"Requests a second, one worker, 8 connections; {label}", fontsize=10)
    place.margins(x=0.15)


def _memory(place: Any, found: dict[str, Any]) -> None:
    moments, sizes = zip(*found["samples"], strict=True)
    place.plot([moment / 60 for moment in moments], sizes, color="tab:orange")
    place.set_ylim(0, max(sizes) * 1.2)
    place.set_title(f"Memory (PSS, MB) over minutes at {found['rate']:,.0f} requests a second", fontsize=10)
