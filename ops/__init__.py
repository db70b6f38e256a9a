"""What an operator does with the platform: bring it up, look at it, take it down. Modules named in STDLIB_ONLY run before the environment exists."""

STDLIB_ONLY = (
    "arguments",
    "__main__",
    "system",
    "cli",
    "errors",
    "paths",
    "tools",
    "environment",
    "binaries",
    "nomad_binary",
    "caddy_binary",
    "progress",
    "terminal",
    "preflight",
    "doctor",
)
