"""The API instances that the running gateways forward requests to, according to Caddy."""

import os
from pathlib import Path

import httpx

from ops.nomad.cluster import Cluster


def routed(cluster: Cluster, data: Path) -> bool:
    """Whether each gateway with an allocation in Nomad's folder `data` knows all API instances that should run.

    True if there is no gateway.
    """
    wanted = {f"{port.host}:{port.number}" for one in cluster.allocations("api") for port in one.ports}
    return all(wanted <= _upstreams(data / "alloc" / one.id) for one in cluster.allocations("gateway"))


def _upstreams(allocation: Path) -> set[str]:
    """The upstreams of a gateway's Caddy, empty while it does not answer."""
    try:
        folder = os.open(allocation / "gateway" / "secrets", os.O_PATH)
    except OSError:
        return set()
    try:
        # By the open folder's descriptor: a socket's path is limited to 108 characters.
        transport = httpx.HTTPTransport(uds=f"/proc/self/fd/{folder}/admin.sock")
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=5) as client:
            return {one["address"] for one in client.get("/reverse_proxy/upstreams").raise_for_status().json()}
    except httpx.HTTPError:
        return set()
    finally:
        os.close(folder)
