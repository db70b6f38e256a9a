"""The tables of inputs and outputs in the modules' READMEs, made from their variables and outputs."""

from pathlib import Path
from typing import Any

from ops.terraform import program

_MARK = "<!-- Below this line: `just tf docs`. -->"


def docs(only_check: bool) -> int:
    """Write the tables; with `only_check` say which are stale instead, and return 1 if any is."""
    stale = []
    for name in program.modules():
        readme = program.MODULES / name / "README.md"
        before = readme.read_text(encoding="utf-8") if readme.exists() else f"# {name}\n"
        after = f"{before.partition(_MARK)[0].rstrip()}\n\n{_MARK}\n\n{tables(readme.parent)}"
        if after != before:
            stale.append(readme.relative_to(program.TREE.parent))
            if not only_check:
                readme.write_text(after, encoding="utf-8")
    for path in stale:
        print(f"{path} {'is stale: run `just tf docs`' if only_check else 'written'}")
    return 1 if only_check and stale else 0


def tables(module: Path) -> str:
    """Inputs and outputs of the module in the folder `module`, as Markdown."""
    inputs = [
        f"| `{name}` | {_type(one['type'])} | {_default(one)} | {_cell(one['description'])} |"
        for name, one in _blocks(module / "variables.tf", "variable")
    ]
    outputs = [f"| `{name}` | {_cell(one['description'])} |" for name, one in _blocks(module / "outputs.tf", "output")]
    lines = ["| input | type | default | what it is |", "|---|---|---|---|", *inputs]
    return "\n".join([*lines, "", "| output | what it is |", "|---|---|", *outputs, ""])


def _blocks(file: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    from hcl2.api import load

    with file.open(encoding="utf-8") as opened:
        found = load(opened).get(kind, [])
    return [(_plain(name), block) for one in found for name, block in one.items()]


def _type(text: str) -> str:
    """The outermost type: what an object holds is in the module."""
    plain = _plain(text).removeprefix("${").removesuffix("}")
    return plain if len(plain) <= 30 else f"{plain.partition('(')[0]}(…)"


def _default(block: dict[str, Any]) -> str:
    if "default" not in block:
        return "required"
    value = block["default"]
    text = (
        _plain(value) if isinstance(value, str) else repr(value) if value not in (None, True, False) else _word(value)
    )
    return _cell(text) if len(text) <= 40 else "see `variables.tf`"


def _word(value: bool | None) -> str:
    return {None: "null", True: "true", False: "false"}[value]


def _plain(text: str) -> str:
    return text.strip('"')


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
