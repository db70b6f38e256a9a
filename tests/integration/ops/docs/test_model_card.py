"""The model card of the site says of what it is a card, and is the one that a training writes."""

import pytest

from ops.docs import model_card

pytestmark = pytest.mark.integration


def test_the_card_says_that_its_model_is_of_made_up_deals() -> None:
    text = model_card.page()
    assert text.startswith(
        "# Closecast model card\n\n!!! note\n    Made with this site, of a model that was trained on made-up"
    )
    assert "on `synthetic:3000`" in text
    assert "**Not for**: judging sales people" in text
    assert "| **this model** |" in text
    assert "## Why it was decided so" in text
