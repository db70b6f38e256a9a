"""Prometheus's and Alertmanager's versions, release sites and checksums."""

from ops.setup.binaries import Binary, Program

_RELEASES = "https://github.com/prometheus/{}/releases/download"
_MEMBER = "{name}-{version}.{dashed}/{name}"

PROMETHEUS = Program(
    name="prometheus",
    title="Prometheus",
    version="2.53.4",
    oldest=(2, 40),
    releases=_RELEASES.format("prometheus"),
    archive="v{version}/prometheus-{version}.{dashed}.tar.gz",
    # Of the release's archives, as others have pinned them: a wrong one only refuses the download.
    checksums={
        "linux_amd64": "b8b497c4610d1b93208252b60c8f20f6b2e78596ae8df43397a2e805aa53d475",
        "linux_arm64": "ec7236ecea7154d0bfe142921708b1ae7b5e921e100e0ee85ab92b7c444357e0",
    },
    ask="--version",
    member=_MEMBER,
)
ALERTMANAGER = Program(
    name="alertmanager",
    title="Alertmanager",
    version="0.28.1",
    oldest=(0, 24),
    releases=_RELEASES.format("alertmanager"),
    archive="v{version}/alertmanager-{version}.{dashed}.tar.gz",
    checksums={
        "linux_amd64": "5ac7ab5e4b8ee5ce4d8fb0988f9cb275efcc3f181b4b408179fafee121693311",
        "linux_arm64": "d8832540e5b9f613d2fd759e31d603173b9c61cc7bb5e3bc7ae2f12038b1ce4f",
    },
    also_named=("prometheus-alertmanager",),
    ask="--version",
    member=_MEMBER,
)
ABSENT = "no alerts on metrics: there is no Prometheus or no Alertmanager here (`just doctor` says how to get them)"


def find() -> tuple[Binary, Binary] | None:
    """Find both, installed; one without the other is of no use."""
    prometheus, alertmanager = PROMETHEUS.find(), ALERTMANAGER.find()
    return (prometheus, alertmanager) if prometheus and alertmanager else None
