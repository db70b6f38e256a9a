"""What is done to a Python environment after its packages were installed."""

import subprocess
import sys
from pathlib import Path

from ops.setup.environment import compile_installed


def test_what_is_installed_is_compiled_and_what_is_no_python_stops_nothing(tmp_path: Path) -> None:
    # given
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    for name, text in {"sound.py": "x = 1", "template.py": "{{ name }} = = 1", "tests/test_sound.py": "y = 1"}.items():
        file = packages / "one" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    # when
    compile_installed(tmp_path / "venv" / "bin" / "python")
    # then
    assert [file.name.split(".")[0] for file in packages.rglob("*.pyc")] == ["sound"]
