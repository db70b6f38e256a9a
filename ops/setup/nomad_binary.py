"""Nomad's version, release site and checksums."""

from ops.setup.binaries import Binary, Program

NOMAD = Program(
    name="nomad",
    title="Nomad",
    version="1.11.3",
    oldest=(1, 8),
    releases="https://releases.hashicorp.com/nomad",
    archive="{version}/nomad_{version}_{system}.zip",
    # From the publisher's own SHA256SUMS of this release.
    checksums={
        "linux_amd64": "19dac5642a2ba5305e6ff8efee06a708d760ebe4d1cd7936bc3dc526f477dc12",
        "linux_arm64": "902e44260fcd9297af7042fb33ccd5a29cc2202b57199724f17c96fcd67414d2",
    },
    module="github.com/hashicorp/nomad",
    build="about 4 minutes on two cores",
    flags=("-tags", "ui"),
)
Nomad = Binary
VERSION = NOMAD.version
find = NOMAD.find
find_or_install = NOMAD.find_or_install
