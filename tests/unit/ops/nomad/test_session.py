"""A command about the running platform finds it, or says that it is down."""

import pytest

from ops.errors import OperatorError
from ops.nomad.session import connect
from ops.setup.credentials import Credentials


@pytest.mark.usefixtures("state")
def test_a_platform_that_is_down_says_so() -> None:
    Credentials.load_or_create()
    with pytest.raises(OperatorError, match="the platform is down"):
        connect()
