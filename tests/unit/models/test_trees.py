"""Texts of boosters that LightGBM would follow out of its memory, or for ever, are refused before it sees them."""

import re

import numpy as np
import pytest

from closecast.features import NAMES
from closecast.models import trees

TEXT = f"""tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx={len(NAMES) - 1}
objective=binary sigmoid:1
feature_names={" ".join(NAMES)}
feature_infos={" ".join(["none"] * len(NAMES))}
tree_sizes=SIZE

Tree=0
num_leaves=4
num_cat=0
split_feature=0 5 22
split_gain=3 2 1
threshold=0.5 1e-35 -7.25
decision_type=2 2 10
left_child=1 -1 -2
right_child=2 -3 -4
leaf_value=-0.25 -0.5 0.125 1e+2
leaf_count=1 1 1 1
internal_value=0 0 0
internal_count=4 2 2
is_linear=0
shrinkage=1


end of trees
"""


def _sized(text: str) -> str:
    """With the size that the tree has."""
    begin, end = text.index("Tree=0"), text.index("end of trees")
    return text.replace("SIZE", str(end - begin))


def test_what_lightgbm_writes_passes() -> None:
    import lightgbm

    trees.checked(_sized(TEXT))
    rng = np.random.default_rng(0)
    matrix = rng.random((2_000, len(NAMES))) * 10.0 ** rng.integers(-30, 30, len(NAMES))
    matrix[::7, 3], matrix[::5, 4] = np.nan, np.inf
    won = (rng.random(2_000) > 0.5).astype(float)
    for leaves, rounds in ((2, 1), (31, 40), (255, 2)):
        settings = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 5, "verbose": -1}
        data = lightgbm.Dataset(matrix, won, feature_name=list(NAMES))
        trees.checked(lightgbm.train(settings, data, rounds).model_to_string())
    # and a tree that found nothing to split
    trees.checked(
        lightgbm.train(
            {"objective": "binary", "verbose": -1}, lightgbm.Dataset(matrix, np.ones(2_000)), 1
        ).model_to_string()
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("num_class=2", "num_class"),
        ("num_tree_per_iteration=100", "num_tree_per_iteration"),
        ("max_feature_idx=5", "max_feature_idx"),
        ("feature_names=a b", f"does not name {len(NAMES)} features"),
        ("tree_sizes=10", "tree 0"),
        ("tree_sizes=-1", "begin and end"),
        ("tree_sizes=99999999", "begin and end"),
        ("num_leaves=0", "0 leaves"),
        ("num_leaves=-3", "-3 leaves"),
        ("num_leaves=5", "5"),
        ("num_leaves=999999999", "values"),
        ("num_leaves=99999999999", "no number"),
        ("num_cat=1", "num_cat"),
        ("is_linear=1", "is_linear"),
        (f"split_feature=0 {len(NAMES)} 1", f"outside of the {len(NAMES)}"),
        ("split_feature=0 -1 1", f"outside of the {len(NAMES)}"),
        ("split_feature=0 1", "2 values"),
        ("split_feature=0 x 1", "no number"),
        ("threshold=0.5 nan 1", "no number"),
        ("threshold=0.5", "1 values"),
        ("decision_type=2 1 2", "has a decision_type"),
        ("decision_type=2 2 200", "has a decision_type"),
        ("left_child=0 -1 -2", "each of its nodes"),
        ("left_child=1 1 -2", "each of its nodes"),
        ("left_child=9 -1 -2", "each of its nodes"),
        ("left_child=-99 -1 -2", "each of its nodes"),
        ("leaf_value=1 2 3", "3 values"),
        ("leaf_value=1 2 3 inf", "no number"),
        ("leaf_value=1 2 3 1_0", "no number"),
    ],
)
def test_what_leads_out_of_a_tree_is_named(line: str, words: str) -> None:
    name = line.partition("=")[0]
    changed = re.sub(f"^{name}=.*$", line, TEXT, flags=re.MULTILINE)
    assert changed != TEXT
    with pytest.raises(ValueError, match=words):
        trees.checked(_sized(changed))


def test_ways_that_lead_back_are_refused() -> None:
    changed = TEXT.replace("left_child=1 -1 -2", "left_child=2 -1 1").replace(
        "right_child=2 -3 -4", "right_child=-2 -3 -4"
    )
    with pytest.raises(ValueError, match="leads back"):
        trees.checked(_sized(changed))


@pytest.mark.parametrize("text", ["", "tree", "tree\nTree=0", TEXT.replace("end of trees", "Tree=1")])
def test_what_has_no_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no tree|expected 'end of trees'|twice|substring not found|header"):
        trees.checked(text if "SIZE" not in text else text.replace("SIZE", str(len(text.partition("Tree=0")[2]) - 5)))


@pytest.mark.parametrize("line", ["\n", "leaf_weight=1 2\n", "internal_value=1 2 3 4\n", "cat_threshold=1\n", "x\n"])
def test_a_line_that_has_no_place_in_a_tree_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="tree 0"):
        trees.checked(_sized(TEXT.replace("is_linear=0\n", f"{line}is_linear=0\n")))


def test_what_follows_the_trees_is_not_handed_on() -> None:
    """LightGBM reads a line `is_linear=0` among the parameters, and ends the process."""
    text = _sized(TEXT)
    assert trees.checked(f"{text}\nparameters:\nis_linear=0\nend of parameters\n") == text


def test_a_line_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="says something twice"):
        trees.checked(_sized(TEXT.replace("num_cat=0", "num_cat=0\nnum_cat=0")))
