"""Check the settings and exec Streamlit: `python -m services.ui`."""

import os
import sys
from pathlib import Path

from services.listening import interface

_PAGE = Path(__file__).with_name("page.py")
_NEEDED = ("CLOSECAST_HOST", "CLOSECAST_PORT", "CLOSECAST_API_URL")


def command(environment: dict[str, str]) -> list[str]:
    """Streamlit's command line, without file watcher and developer tools."""
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(_PAGE),
        "--server.address",
        interface(environment),
        "--server.port",
        environment["CLOSECAST_PORT"],
        "--server.headless",
        "true",
        "--server.fileWatcherType",
        "none",
        "--server.maxUploadSize",
        "10",  # megabytes, which is what the API takes
        "--browser.gatherUsageStats",
        "false",
        "--runner.magicEnabled",
        "false",
        "--client.toolbarMode",
        "minimal",
        # Unexpected errors are one line on the page; the traceback is in the log.
        "--client.showErrorDetails",
        "none",
        "--logger.hideWelcomeMessage",
        "true",
        # The browser's setting chooses; each colour can be read on its ground.
        "--theme.light.primaryColor",
        "#1f6f8b",
        "--theme.light.textColor",
        "#111318",  # of captions Streamlit takes 60 %
        "--theme.dark.primaryColor",
        "#217a98",
        "--theme.dark.linkColor",
        "#7cc8e0",
        "--theme.dark.codeTextColor",
        "#7ee0a8",
        "--theme.baseRadius",
        "small",
    ]


def main() -> None:
    environment = dict(os.environ)
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        sys.exit(f"ui: the environment variable {missing[0]} is not set")
    url = environment["CLOSECAST_API_URL"]
    if not url.startswith(("http://", "https://")):
        sys.exit(f"ui: CLOSECAST_API_URL must begin with http:// or https://, got {url!r}")
    arguments = command(environment)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
