"""The formatter formats every line: no file asks it not to."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPT_OUT = re.compile(r"#\s*" + r"fmt:\s*(skip|off)")


def test_no_line_is_kept_from_the_formatter() -> None:
    # given every Python file that git knows, or is about to
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    # then there are files, and none opts out
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        if path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OPT_OUT.search(line)
    ]
    assert found == []
