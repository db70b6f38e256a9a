"""Open Policy Agent's version."""

from ops.setup.binaries import Program

OPA = Program(
    name="opa",
    title="Open Policy Agent",
    version="1.8.0",
    oldest=(1, 0),
    releases="https://github.com/open-policy-agent/opa/releases/download",
    archive="v{version}/opa_{system}",
    # Built from its module: its release is one file without an archive.
    checksums={},
    module="github.com/open-policy-agent/opa",
    build="one to two minutes on two cores",
    flags=("-ldflags", "-s -w"),
)
