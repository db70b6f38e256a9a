"""Kaggle's credentials: what the operator's environment names is taken whole, what it does not name stays."""

from ops.prefect import kaggle


def test_without_any_an_item_each_is_there_and_empty() -> None:
    assert kaggle.items({}, {}) == {
        "kaggle_api_token": "",
        "kaggle_username": "",
        "kaggle_key": "",
        "closecast_kaggle_endpoint": "",
    }


def test_what_the_environment_names_replaces_all_that_was_kept() -> None:
    kept = kaggle.items({"KAGGLE_USERNAME": "ada", "KAGGLE_KEY": "k"}, {})
    assert kaggle.items({}, kept) == kept
    named = kaggle.items({"KAGGLE_API_TOKEN": " t "}, kept)
    assert (named["kaggle_api_token"], named["kaggle_username"], named["kaggle_key"]) == ("t", "", "")
    assert not any(kaggle.items({"KAGGLE_API_TOKEN": ""}, named).values())
