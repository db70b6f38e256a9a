"""LocalStack in somebody's container: it is not its own image, and must not look for that image's folders."""

import json
import os
import subprocess
from pathlib import Path

from tests.localstack_script import loaded, skip_without_environment
from tests.servers.localstack import LOCALSTACK_PYTHON

# Docker and Podman mark a container by these files, which a test cannot make.
_ASK = """
import json, os
exists = os.path.exists
os.path.exists = lambda path: path in ("/.dockerenv", "/run/.containerenv") or exists(path)
from localstack import config
print(json.dumps([config.is_in_docker, *(path for path in vars(config.dirs).values() if path)]))
"""


def test_in_a_container_all_of_its_folders_are_below_the_state(tmp_path: Path) -> None:
    # given
    skip_without_environment()
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, **loaded().settings("127.0.0.1", "4566", tmp_path)}
    # when
    asked = [str(LOCALSTACK_PYTHON), "-c", _ASK]
    answer = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    # then
    is_in_docker, *folders = json.loads(answer.stdout)
    assert not is_in_docker
    assert folders
    assert [folder for folder in folders if not Path(folder).is_relative_to(tmp_path)] == []
