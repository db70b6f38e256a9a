"""Terraform's own checks of the modules and of all environments."""

from pathlib import Path

import pytest

from ops.terraform import docs, program, testing

pytestmark = pytest.mark.integration


@pytest.mark.slow
@pytest.mark.parametrize("module", program.modules())
def test_a_module_passes_its_own_tests(module: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MODULES", tree / "modules")
    assert testing.test(module) == 0


@pytest.mark.parametrize("environment", program.environments())
def test_an_environment_is_valid(environment: str, tree: Path) -> None:
    # given
    folder = tree / "environments" / environment
    program.initialise(folder, "-backend=false")
    # when
    done = program.run(folder, "validate", "-no-color", capture=True)
    # then
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The configuration is valid" in done.stdout


def test_the_whole_tree_is_formatted(tree: Path) -> None:
    # when
    done = program.run(tree, "fmt", "-check", "-recursive", "-diff", capture=True)
    # then
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tables_in_the_readmes_are_those_of_the_modules(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.docs(only_check=True) == 0, capsys.readouterr().out


@pytest.mark.slow
def test_a_module_whose_test_fails_is_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    monkeypatch.setattr(program, "MODULES", tree / "modules")
    main = tree / "modules" / "cache" / "main.tf"
    main.write_text(main.read_text().replace("encrypted         = true", "encrypted         = false"))
    # when
    assert testing.test("cache") == 1
    # then
    printed = capsys.readouterr().out
    assert "✗ cache" in printed
    assert "The volume is encrypted with the key that is named." in printed
