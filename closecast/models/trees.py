"""Validate the text of a booster before LightGBM parses it, because LightGBM does not check it.

A child, a feature or an offset that is out of range has it read foreign memory, at once or with the first deal that
comes to the node; golden rows need not. The format is that of LightGBM's `SaveModelToString` (version=v4).
"""

import re

from closecast import features

_INTEGER = re.compile(r"-?\d{1,9}")
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?(e[+-]\d{1,3})?")
_CATEGORICAL = 1  # bit of decision_type
_END = "end of trees"
_PER_LEAF = ("leaf_weight", "leaf_count")
_PER_NODE = ("split_gain", "internal_value", "internal_weight", "internal_count")
_OF_TREE = frozenset(
    {
        "num_leaves",
        "num_cat",
        "split_feature",
        "threshold",
        "decision_type",
        "left_child",
        "right_child",
        "leaf_value",
        "is_linear",
        "shrinkage",
        *_PER_LEAF,
        *_PER_NODE,
    }
)
_OF_HEADER = frozenset(
    {
        "tree",
        "version",
        "num_class",
        "num_tree_per_iteration",
        "label_index",
        "max_feature_idx",
        "objective",
        "feature_names",
        "monotone_constraints",
        "feature_infos",
        "tree_sizes",
    }
)


def checked(text: str) -> str:
    """Return the header and the trees of `text`, all that predictions need; the rest is not passed to LightGBM.

    Raises ValueError naming the tree and what is wrong with it.
    """
    header, mark, rest = text.partition("\nTree=0\n")
    if not mark:
        raise ValueError("it holds no tree")
    fields = _fields(header, "the header", _OF_HEADER)
    width = len(features.NAMES)
    for name, wanted in (("num_class", 1), ("num_tree_per_iteration", 1), ("max_feature_idx", width - 1)):
        if fields.get(name) != str(wanted):
            raise ValueError(f"{name} is {fields.get(name)!r} in the header; expected {wanted}")
    if len(fields.get("feature_names", "").split(" ")) != width:
        raise ValueError(f"the header does not name {width} features")
    text = mark[1:] + rest
    at = 0
    for number, size in enumerate(_integers(fields, "tree_sizes", "the header")):
        block = text[at : at + size]
        if size <= 0 or len(block) != size or not block.startswith(f"Tree={number}\n"):
            raise ValueError(f"tree {number} does not begin and end where tree_sizes says")
        _check_tree(_fields(block.partition("\n")[2], f"tree {number}", _OF_TREE), f"tree {number}", width)
        at += size
    if not text.startswith(_END, at):
        raise ValueError(f"what follows the last tree is {text[at : at + 20]!r}; expected {_END!r}")
    return f"{header}\n{text[:at]}{_END}\n"


def _check_tree(fields: dict[str, str], tree: str, width: int) -> None:
    (leaves,) = _integers(fields, "num_leaves", tree, 1)
    for name in ("num_cat", "is_linear"):
        if fields.get(name) != "0":
            raise ValueError(f"{name} is {fields.get(name)!r} in {tree}; expected 0")
    if leaves < 1:
        raise ValueError(f"{tree} has {leaves} leaves")
    _numbers(fields, "leaf_value", tree, leaves)
    inner = leaves - 1
    for name, count in [(name, leaves) for name in _PER_LEAF] + [(name, inner) for name in _PER_NODE]:
        if fields.get(name):
            _numbers(fields, name, tree, count)
    if leaves == 1:
        return
    _numbers(fields, "threshold", tree, inner)
    if not all(0 <= feature < width for feature in _integers(fields, "split_feature", tree, inner)):
        raise ValueError(f"{tree} splits on a feature outside of the {width} features")
    if any(kind < 0 or kind > 15 or kind & _CATEGORICAL for kind in _integers(fields, "decision_type", tree, inner)):
        raise ValueError(f"{tree} has a decision_type that this model does not use")
    children = [
        (node, child)
        for name in ("left_child", "right_child")
        for node, child in enumerate(_integers(fields, name, tree, inner))
    ]
    # Every node but the root, and every leaf (~0, ~1, …), occurs once, after its parent: so each path ends at a leaf.
    if sorted(child for _, child in children) != [*range(-leaves, 0), *range(1, inner)]:
        raise ValueError(f"{tree} does not lead to each of its nodes and leaves once")
    if any(0 <= child <= node for node, child in children):
        raise ValueError(f"{tree} leads back to a node that was passed")


def _fields(block: str, where: str, known: frozenset[str]) -> dict[str, str]:
    lines = block.rstrip("\n").split("\n")
    if "" in lines:
        raise ValueError(f"{where} has an empty line in it")
    pairs = [line.partition("=")[::2] for line in lines]
    fields = dict(pairs)
    if unknown := sorted(fields.keys() - known):
        raise ValueError(f"{where} says {unknown[0][:40]!r}, which is not known")
    if len(fields) != len(pairs):
        raise ValueError(f"{where} says something twice")
    return fields


def _integers(fields: dict[str, str], name: str, where: str, count: int | None = None) -> list[int]:
    return [int(word) for word in _words(fields, name, where, count, _INTEGER)]


def _numbers(fields: dict[str, str], name: str, where: str, count: int) -> None:
    _words(fields, name, where, count, _NUMBER)


def _words(fields: dict[str, str], name: str, where: str, count: int | None, form: "re.Pattern[str]") -> list[str]:
    words = fields.get(name, "").split(" ")
    if count is not None and len(words) != count:
        raise ValueError(f"{name} of {where} has {len(words)} values; expected {count}")
    for word in words:
        if not form.fullmatch(word):
            raise ValueError(f"{name} of {where} holds {word[:40]!r}, which is no number")
    return words
