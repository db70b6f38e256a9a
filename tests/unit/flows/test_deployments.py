"""The deployment command without a server address, and the inventory of what is deployed."""

import pytest

from flows import deployments


def test_without_an_address_it_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    # when / then
    with pytest.raises(SystemExit, match="deployments: the environment variable PREFECT_API_URL is not set"):
        deployments.main()


def test_the_code_is_where_this_project_is() -> None:
    assert (deployments.PROJECT / "flows" / "train.py").is_file()
