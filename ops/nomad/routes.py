"""Which instances of the API the running gateways pass requests on to, as their Caddy itself says."""

import os
from pathlib import Path

import httpx

from ops.nomad.cluster import Cluster


def routed(cluster: Cluster, data: Path) -> bool:
    """Whether each gateway whose allocation lies in Nomad's folder `data` knows all instances of the API that are meant to run.

    True where there is no gateway.
    """
    wanted = {f"{port.host}:{port.number}" for one in cluster.allocations("api") for port in one.ports}
    return all(wanted <= _upstreams(data / "alloc" / one.id) for one in cluster.allocations("gateway"))


def _upstreams(allocation: Path) -> set[str]:
    """None while Caddy does not answer."""
    try:
        folder = os.open(allocation / "gateway" / "secrets", os.O_PATH)
    except OSError:
        return set()
    try:
        # By way of the open folder: a socket's path may be no longer than 108 characters.
        transport = httpx.HTTPTransport(uds=f"/proc/self/fd/{folder}/admin.sock")
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=5) as client:
            return {one["address"] for one in client.get("/reverse_proxy/upstreams").raise_for_status().json()}
    except httpx.HTTPError:
        return set()
    finally:
        os.close(folder)
