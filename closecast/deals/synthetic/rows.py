"""Draw synthetic deals in blocks of fixed size, so that no deal depends on the number requested."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from closecast.deals.synthetic.dirt import Columns, make_dirty
from closecast.deals.synthetic.hazards import LONGEST, NEVER_CLOSES, close_ages
from closecast.deals.synthetic.names import PRICES, PRODUCT_SHARES, PRODUCTS, account_names, agent_names, identifiers
from closecast.deals.synthetic.settings import engaged_by
from closecast.deals.synthetic.truth import Truth

BLOCK = 10_000
_PROSPECTING = 0.057
_WITHOUT_ACCOUNT = 0.16  # at random: in the real file only open deals lack it, which leaks the outcome


def block_of_deals(truth: Truth, block: int) -> Columns:
    """Make the deals from `block * BLOCK` on as the contract's raw columns:

    BLOCK texts each, missing values as empty text.

    Each day an open deal closes with a hazard by its age and the month of the quarter, and is then won with a chance by
    that month, its agent and its product; some deals never close; what comes after `last_day` is not known.
    """
    settings = truth.settings
    random = np.random.default_rng(np.random.SeedSequence(truth.seed, spawn_key=(1, block)))
    engaged = np.searchsorted(engaged_by(settings), random.random(BLOCK), side="right")
    agent = random.integers(settings.agents, size=BLOCK)
    product = random.choice(len(PRODUCTS), size=BLOCK, p=PRODUCT_SHARES)
    wait = random.standard_exponential(BLOCK) / truth.factors(agent, product)
    wait[random.random(BLOCK) < NEVER_CLOSES] = np.inf
    age = close_ages(truth.hazards, engaged, wait)
    closed = engaged + np.minimum(age, LONGEST)
    won = random.random(BLOCK) < truth.win_chances(closed, agent, product)
    prospecting = random.random(BLOCK) < _PROSPECTING
    days = np.datetime64(settings.first_engaged, "D") + np.arange(len(truth.log_odds))
    is_open = (age > LONGEST) | (days[closed] > np.datetime64(settings.last_day, "D"))
    paid = np.round(PRICES[product] * random.lognormal(0.0, 0.1, BLOCK)).astype(np.int64)
    account = _texts(account_names(settings.accounts))[random.integers(settings.accounts, size=BLOCK)]
    account[random.random(BLOCK) < _WITHOUT_ACCOUNT] = ""
    written = _texts(days.astype(str))
    stage = np.where(prospecting, 0, np.where(is_open, 1, np.where(won, 2, 3)))
    ended = stage > 1
    start = int(np.random.default_rng(truth.seed).integers(36**8))
    deals: Columns = {
        "opportunity_id": identifiers(block * BLOCK, BLOCK, start),
        "sales_agent": _texts(agent_names(settings.agents))[agent],
        "product": _texts(PRODUCTS)[product],
        "account": account,
        "deal_stage": _texts(("Prospecting", "Engaging", "Won", "Lost"))[stage],
        "engage_date": np.where(prospecting, "", written[engaged]),
        "close_date": np.where(ended, written[closed], ""),
        "close_value": np.where(ended, np.where(won, paid, 0).astype(str).astype(object), ""),
    }
    make_dirty(deals, random.random(BLOCK) < settings.dirt, settings.first_engaged)
    return deals


def _texts(words: Any) -> NDArray[np.object_]:
    return np.array(words, dtype=object)
