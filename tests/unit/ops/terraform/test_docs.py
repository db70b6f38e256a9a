"""The tables of a module's README."""

from pathlib import Path

import pytest

from ops.terraform import docs, program

_VARIABLES = """
variable "name" {
  description = "What it is called, or a|b."
  type        = string
}

variable "sizes" {
  description = "Sizes by class."
  type        = map(object({ least = number, most = number }))
  default     = { small = { least = 1, most = 2 }, large = { least = 10, most = 20 } }
}

variable "lock" {
  description = "Whether it is locked."
  type        = bool
  default     = false
}

variable "key" {
  description = "A key."
  type        = string
  default     = null
}
"""
_OUTPUTS = 'output "arn" {\n  description = "Its ARN."\n  value       = var.name\n}\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "terraform" / "modules" / "thing"
    folder.mkdir(parents=True)
    (folder / "variables.tf").write_text(_VARIABLES)
    (folder / "outputs.tf").write_text(_OUTPUTS)
    (folder / "README.md").write_text("# thing\n\nWhat it makes.\n")
    monkeypatch.setattr(program, "TREE", tmp_path / "terraform")
    monkeypatch.setattr(program, "MODULES", tmp_path / "terraform" / "modules")
    return folder


def test_inputs_and_outputs_are_listed_below_what_people_wrote(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    assert docs.docs(only_check=True) == 1
    assert "terraform/modules/thing/README.md is stale: run `just tf docs`" in capsys.readouterr().out
    assert docs.docs(only_check=False) == 0
    # then
    text = (module / "README.md").read_text()
    assert text.startswith("# thing\n\nWhat it makes.\n\n")
    assert "| `name` | string | required | What it is called, or a\\|b. |" in text
    assert "| `sizes` | map(…) | see `variables.tf` | Sizes by class. |" in text
    assert "| `lock` | bool | false | Whether it is locked. |" in text
    assert "| `key` | string | null | A key. |" in text
    assert "| `arn` | Its ARN. |" in text
    # and a second time changes nothing
    assert docs.docs(only_check=True) == 0
