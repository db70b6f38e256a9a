"""Caddy's version, release site and checksums."""

from ops.setup.binaries import Binary, Program

CADDY = Program(
    name="caddy",
    title="Caddy",
    version="2.10.2",
    oldest=(2, 10),
    releases="https://github.com/caddyserver/caddy/releases/download",
    archive="v{version}/caddy_{version}_{system}.tar.gz",
    # SHA-512 as pinned by the publisher's own container image of this release.
    checksums={
        "linux_amd64": "747df7ee74de188485157a383633a1a963fd9233b71fbb4a69ddcbcc589ce4e2"
        "cc82dacf5dbbe136cb51d17e14c59daeb5d9bc92487610b0f3b93680b2646546",
        "linux_arm64": "6ce061a690312ab38367df3c5d5f89a2e4a263e7300d300d87356211bb81e79b"
        "15933e6d6203e03fbf26f15cc0311f264805f336147dbdd24938d84b57a4421c",
    },
    module="github.com/caddyserver/caddy/v2/cmd/caddy",
    build="one to two minutes on two cores",
    # A Caddy built as a dependency does not know its version without this flag.
    links_c=False,  # it goes into an image
    flags=("-ldflags", "-s -w -X github.com/caddyserver/caddy/v2.CustomVersion=v2.10.2"),
)
ABSENT = "no gateway, so no TLS: there is no Caddy 2.10 or newer here (`just doctor` says how to get it)"


def find() -> Binary | None:
    """Find an installed Caddy."""
    return CADDY.find()
