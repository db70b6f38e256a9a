"""The operator's commands: bring the platform up, inspect it, take it down.

The modules named in STDLIB_ONLY run before the Python environment exists.
"""

STDLIB_ONLY = (
    "__main__",
    "errors",
    "paths",
    "cli.__init__",
    "cli.arguments",
    "cli.dispatch",
    "cli.progress",
    "cli.terminal",
    "setup.__init__",
    "setup.accounts",
    "setup.actionlint_binary",
    "setup.binaries",
    "setup.caddy_binary",
    "setup.doctor",
    "setup.environment",
    "setup.metrics_binaries",
    "setup.opa_binary",
    "setup.nomad_binary",
    "setup.preflight",
    "setup.runtime",
    "setup.system",
    "setup.programs_for_tests",
    "setup.tools",
)
