"""actionlint's version, release site and checksums."""

from ops.setup.binaries import Program

ACTIONLINT = Program(
    name="actionlint",
    title="actionlint",
    version="1.7.12",
    oldest=(1, 7),
    releases="https://github.com/rhysd/actionlint/releases/download",
    archive="v{version}/actionlint_{version}_{system}.tar.gz",
    # Of the release's archives, as others have pinned them: a wrong one only refuses the download.
    checksums={
        "linux_amd64": "8aca8db96f1b94770f1b0d72b6dddcb1ebb8123cb3712530b08cc387b349a3d8",
        "linux_arm64": "325e971b6ba9bfa504672e29be93c24981eeb1c07576d730e9f7c8805afff0c6",
    },
    module="github.com/rhysd/actionlint/cmd/actionlint",
    build="half a minute on two cores",
    flags=("-ldflags", "-s -w"),
    links_c=False,
    ask="-version",
)
