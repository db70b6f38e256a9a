"""What runs before the Python environment exists imports the standard library alone."""

import ast
import importlib.util
import sys

import pytest

import ops
from ops import paths

PACKAGES = (
    "ops",
    "ops.cli",
    "ops.setup",
    "services.bucket_mirror",
    "closecast",
    "closecast.cli",
    "closecast.platform.runtime",
)


SHARED = (
    "services.bucket_mirror.providers",
    "closecast.version",
    "closecast.cli.arguments",
    "closecast.cli.errors",
    "closecast.platform.runtime.provenance",
)


@pytest.mark.parametrize("module", [*(f"ops.{one}" for one in ops.STDLIB_ONLY), *SHARED])
def test_the_first_stage_imports_the_standard_library_alone(module: str) -> None:
    # given the modules that run before the environment exists, and what they import at their top
    tree = ast.parse((paths.PROJECT / f"{module.replace('.', '/')}.py").read_text())
    named = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            # what is named after `import` is a module where the first part is a package
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in whole if importlib.util.find_spec(name)] if node.module in PACKAGES else []
            named |= set(modules) or {str(node.module)}
    # then each is of the standard library, of the first stage itself, or one of those that it shares with services and the library
    for name in named:
        top, _, rest = name.partition(".")
        own = top == "ops" and rest in ops.STDLIB_ONLY
        assert top in sys.stdlib_module_names or own or name in SHARED, name
