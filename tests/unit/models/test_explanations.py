"""An explanation: its parts add up to the answer, mean what they say, and have words for every feature."""

from datetime import date
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from closecast.features import FEATURES, NAMES, WIN_CHANCE
from closecast.models import explanations, training
from closecast.models.calibration import BetaCalibration
from closecast.models.candidate import Candidate
from closecast.models.explanations import Contributions, Explanation
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from closecast.models.telling import Standing, Story, tell
from closecast.models.words import CALIBRATION, GROUPS, WORDS, Entity, days, percent

AS_OF, HORIZON = date(2017, 11, 10), 50
KNOWN: dict[Entity, Standing] = dict.fromkeys(get_args(Entity), "known")
Matrix = NDArray[np.float64]


@pytest.fixture(scope="module")
def scorer(built: Candidate) -> Scorer:
    """With trees that use every kind of feature and a calibration that bends, whatever the small export deserves."""
    rows = built.data.learnable()
    settings = Hyperparameters(num_leaves=15, min_data_in_leaf=100, calendar_weight=1.0, entity_weight=1.0)
    booster = training.fit(built.data.matrix(rows), rows.won, settings, 60, 7, 1)
    return Scorer(booster, BetaCalibration(0.9, 1.2, -0.15))


@pytest.fixture(scope="module")
def reference(built: Candidate) -> Matrix:
    return explanations.reference_row(built.data.builder.tables(AS_OF), HORIZON)


@pytest.fixture(scope="module")
def rows(built: Candidate) -> Matrix:
    """Two hundred deals engaged by the as-of date, of any age."""
    engaged = built.data.deals["engage_date"].to_numpy(dtype="M8[D]")
    deal = np.flatnonzero(engaged <= np.datetime64(AS_OF))[::7][:200]
    count = len(deal)
    return built.data.builder.matrix(
        built.data.subjects, deal, np.full(count, np.datetime64(AS_OF)), np.full(count, HORIZON)
    )


def _explained(scorer: Scorer, row: Matrix, reference: Matrix) -> Explanation:
    return explanations.explain(scorer, row, explanations.contributions(scorer, row, reference))


def _story(explanation: Explanation, row: Matrix, standing: dict[Entity, Standing] | None = None) -> Story:
    return tell(explanation, row, AS_OF, HORIZON, standing or KNOWN)


def test_the_parts_add_up_to_the_log_odds_of_the_answer(scorer: Scorer, rows: Matrix, reference: Matrix) -> None:
    answers = scorer.predict(rows)
    for row, answer in zip(rows, answers, strict=True):
        # when
        explained = _explained(scorer, row, reference)
        story = _story(explained, row)
        # then
        assert explained.probability == answer
        log_odds = np.log(answer / (1 - answer))
        assert explained.base + sum(group.log_odds for group in story.groups) == pytest.approx(log_odds, abs=1e-9)
        everything = explained.base + explained.features.sum() + explained.calibration
        assert everything == pytest.approx(log_odds, abs=1e-9)
        # and the points to the difference in chance, none of them against its log-odds
        points = sum(group.points for group in story.groups)
        assert points == pytest.approx(answer - explained.base_probability, abs=1e-9)
        assert all(np.sign(part.points) == np.sign(part.log_odds) for part in (*story.groups, *story.features))
        # and each group's to its features'
        for group in story.groups[:-1]:
            own = [one for one in story.features if one.group == group.name]
            assert sum(one.log_odds for one in own) == pytest.approx(group.log_odds, abs=1e-12)


def test_contributions_are_lightgbms_beside_the_reference_deals(
    scorer: Scorer, rows: Matrix, reference: Matrix
) -> None:
    # given
    own, other = scorer.booster.predict(np.stack([rows[0], reference]), pred_contrib=True)[:, :-1]
    assert np.count_nonzero(own) > 15
    # when
    parts = explanations.contributions(scorer, rows[0], reference)
    # then: what depends on the deal is measured against the reference deal, the calendar against all rows learnt from
    for at, feature in enumerate(FEATURES):
        if at == WIN_CHANCE:
            continue
        shared = feature.key in ("as_of", "horizon") and "chance" not in feature.name
        assert parts.features[at] == pytest.approx(own[at] - (0 if shared else other[at]), abs=1e-12)


def test_the_reference_deal_itself_differs_by_calendar_and_calibration_alone(scorer: Scorer, reference: Matrix) -> None:
    # when
    story = _story(_explained(scorer, reference, reference), reference)
    # then
    moved = {group.name for group in story.groups if group.log_odds != 0}
    assert moved <= {"calendar", "calibration"}
    assert reference[NAMES.index("deal_age_days")] == 0


def test_a_deal_of_no_difference_is_worth_the_slope_there() -> None:
    explanation = Explanation(0.5, 0.0, np.zeros(23), 0.0)
    assert explanation.points_per_log_odds == 0.25


def test_parts_of_another_row_are_refused(scorer: Scorer, rows: Matrix, reference: Matrix) -> None:
    parts = explanations.contributions(scorer, rows[0], reference)
    with pytest.raises(ValueError, match="compute them anew"):
        explanations.explain(scorer, rows[0], Contributions(parts.base + 1e-6, parts.features))


def test_every_feature_has_words_and_a_group_and_every_group_its_features() -> None:
    # a new feature without words fails here
    assert set(WORDS) == set(NAMES)
    names = [group.name for group in GROUPS]
    assert {words.group for words in WORDS.values()} == set(names)
    for group in GROUPS:
        assert group.lead
        assert {WORDS[name].group for name in group.lead} == {group.name}
    assert CALIBRATION.name not in names


def test_each_fact_holds_the_value_it_is_about(rows: Matrix) -> None:
    for row in rows[:20]:
        for feature, value in zip(FEATURES, map(float, row), strict=True):
            fact = WORDS[feature.name].fact(value)
            assert fact[0].islower() or fact[0].isdigit()
            assert not fact.endswith(".")
            if feature.unit == "days":
                assert f"{round(value):,}" in fact
            if feature.unit in ("share", "share a day", "probability"):
                assert percent(value) in fact


def test_sentences_name_value_unit_and_effect(scorer: Scorer, rows: Matrix, reference: Matrix) -> None:
    # given
    age = NAMES.index("deal_age_days")
    row = rows[np.argmin(abs(rows[:, age] - 60))]
    explained = _explained(scorer, row, reference)
    # when
    story = _story(explained, row)
    # then
    by_name = {one.name: one for one in (*story.groups, *story.features)}
    sentence = by_name["deal_age_days"].sentence
    assert sentence.startswith(f"The deal has been open for {days(row[age])}; this ")
    assert f"{abs(by_name['age'].points) * 100:.1f} point" in by_name["age"].sentence
    assert ("raises" if by_name["age"].points > 0 else "lowers") in by_name["age"].sentence
    assert "engaged on 2017-11-10" in story.base_sentence
    assert f"{percent(explained.base_probability)} of such deals are won by 2017-12-30" in story.base_sentence
    assert all(one.sentence.endswith(".") and one.sentence[0] == one.sentence[0].upper() for one in by_name.values())


@pytest.mark.parametrize(
    ("entity", "standing", "words"),
    [
        ("sales_agent", "new", "has not met this agent"),
        ("sales_agent", "missing", "names no agent"),
        ("product", "new", "has not met this product"),
        ("product", "missing", "names no product"),
        ("account", "new", "has not met this account"),
        ("account", "missing", "names no account"),
    ],
)
def test_a_name_without_a_record_is_told(
    scorer: Scorer, rows: Matrix, reference: Matrix, entity: Entity, standing: Standing, words: str
) -> None:
    # when
    story = _story(_explained(scorer, rows[0], reference), rows[0], {**KNOWN, entity: standing})
    # then: in its group and its features, and nowhere else
    group = next(group.name for group in GROUPS if group.entity == entity)
    told = {one.name for one in story.groups if words in one.sentence}
    assert told == {group}
    assert {one.group for one in story.features if words in one.sentence} == {group}


def test_a_feature_that_adds_most_is_told_though_it_does_not_lead(reference: Matrix) -> None:
    # given
    added = np.zeros(23)
    added[NAMES.index("agent_cycle_days_before_as_of")] = 0.5
    row = reference.copy()
    row[NAMES.index("agent_cycle_days_before_as_of")] = 33
    # when
    story = _story(Explanation(1 / (1 + np.exp(-0.5)), 0.0, added, 0.0), row)
    # then
    agent = next(group for group in story.groups if group.name == "agent")
    assert agent.sentence.endswith(
        "the agent's deals take about 33 days to close; this raises the chance by 12.2 points."
    )


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("cycle_stage", 4, "it is older than any deal that has closed"),
        ("deal_age_days", 731, "the deal has been open for 731 days or more"),
        ("deal_age_days", 1, "the deal has been open for 1 day"),
        ("horizon_days", 1, "1 day is left until the date asked about"),
        ("month_of_quarter", 3, "it is the third month of the quarter"),
        ("product_price_before_as_of", 26_768.4, "the product sells for 26,768 on average"),
        ("product_price_change_90d_before_as_of", -0.021, "the product has sold 2.1 % below its price over the last 90 days"),
        ("product_price_change_90d_before_as_of", 0.0, "the product has sold at its usual price over the last 90 days"),
        ("share_of_cycles_longer_before_as_of", 0.0001, "under 0.1 % of the closed deals took longer than this one has been open"),
    ],
)  # fmt: skip
def test_values_at_their_ends_are_worded(name: str, value: float, fact: str) -> None:
    assert WORDS[name].fact(value) == fact
