"""An explanation: its parts add up to the answer, mean what they say, and have words for every feature."""

from datetime import date, timedelta
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from closecast.features import FEATURES, NAMES
from closecast.models import explanations, training
from closecast.models.calibration import BetaCalibration
from closecast.models.candidate import Candidate
from closecast.models.explanation_text import ExplanationText, NameStatus, describe
from closecast.models.explanations import Explanation
from closecast.models.feature_text import FEATURE_TEXT, GROUPS, OF_HISTORY, Entity, days, percent
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from closecast.models.start import Start

AS_OF, HORIZON = date(2017, 11, 10), 50
KNOWN: dict[Entity, NameStatus] = dict.fromkeys(get_args(Entity), "known")
Matrix = NDArray[np.float64]


@pytest.fixture(scope="module")
def scorer(built: Candidate) -> Scorer:
    """With trees that use every kind of feature, and a start and a calibration that bend, whatever the export deserves."""
    rows = built.data.learnable()
    settings = Hyperparameters(num_leaves=15, min_data_in_leaf=100, calendar_weight=1.0, entity_weight=1.0)
    booster = training.fit(built.data.matrix(rows), rows.won, settings, 60, 7, 1)
    return Scorer(booster, BetaCalibration(0.9, 1.2, -0.15), Start(0.9, -0.1))


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
        built.data.encoded_deals, deal, np.full(count, np.datetime64(AS_OF)), np.full(count, HORIZON)
    )


def _story(
    explanation: Explanation, row: Matrix, reference: Matrix, standing: dict[Entity, NameStatus] | None = None
) -> ExplanationText:
    return describe(explanation, row, reference, AS_OF, HORIZON, standing or KNOWN)


@given(data=st.data())
def test_parts_of_any_deal_add_up_to_its_answer_and_what_is_equal_adds_nothing(
    data: st.DataObject, scorer: Scorer, built: Candidate
) -> None:
    # given any deal at any date and horizon
    horizon = data.draw(st.integers(1, 366), "horizon")
    as_of = date(2017, 1, 1) + timedelta(days=data.draw(st.integers(0, 500), "as-of date"))
    engaged = built.data.deals["engage_date"].to_numpy(dtype="M8[D]")
    known = np.flatnonzero(engaged <= np.datetime64(as_of))
    deal = known[[data.draw(st.integers(0, len(known) - 1), "deal")]]
    builder = built.data.builder
    (row,) = builder.matrix(built.data.encoded_deals, deal, np.array([np.datetime64(as_of)]), np.array([horizon]))
    reference = explanations.reference_row(builder.tables(as_of), horizon)
    # when
    explained = explanations.explain(scorer, row, reference)
    story = describe(explained, row, reference, as_of, horizon, KNOWN)
    # then its ends are the model's own answers, to the bit
    assert [explained.base, explained.probability] == scorer.predict(np.stack([reference, row])).tolist()
    # and the parts lead from one to the other
    assert explained.base + sum(one.points for one in story.groups) == pytest.approx(explained.probability, abs=1e-14)
    for group in story.groups:
        own = [one.points for one in story.features if one.group == group.name]
        assert sum(own) == pytest.approx(group.points, abs=1e-15)
    # and what is as at the starting point has no part in that, the calendar above all
    assert not explained.points[row == reference].any()
    assert all(one.points == 0 for one in story.features if one.group == "calendar")
    for part in (*story.groups, *story.features):
        assert ("raises" in part.sentence) == (part.points >= 0.0005)
        assert ("lowers" in part.sentence) == (part.points <= -0.0005)
    for feature in story.features:
        assert ("at the starting point too" in feature.sentence) == (feature.value == feature.base_value)


def test_the_reference_deal_itself_is_all_base(scorer: Scorer, reference: Matrix) -> None:
    # when
    explained = explanations.explain(scorer, reference, reference)
    story = _story(explained, reference, reference)
    # then
    assert explained.probability == explained.base == scorer.predict(reference[np.newaxis])[0]
    assert all(part.points == 0 for part in (*story.groups, *story.features))
    assert all("at the starting point too, and changes nothing" in part.sentence for part in story.groups)
    assert reference[NAMES.index("deal_age_days")] == 0


def test_a_group_adds_what_it_would_as_one_feature(scorer: Scorer, rows: Matrix, reference: Matrix) -> None:
    # given two groups in which the deal differs from the reference deal
    row = reference.copy()
    own = {name: [at for at, one in enumerate(NAMES) if FEATURE_TEXT[one].group == name] for name in ("age", "agent")}
    for columns in own.values():
        row[columns] = rows[7][columns]
    halves = []
    for columns in own.values():
        half = reference.copy()
        half[columns] = row[columns]
        halves.append(half)
    # when
    story = _story(explanations.explain(scorer, row, reference), row, reference)
    # then: the mean of what it adds first and what it adds last
    base, age, agent, both = scorer.predict(np.stack([reference, *halves, row])).tolist()
    points = {group.name: group.points for group in story.groups}
    assert points["age"] == pytest.approx((age - base + both - agent) / 2, abs=1e-15)
    assert points["agent"] == pytest.approx((agent - base + both - age) / 2, abs=1e-15)
    assert points["age"] != 0
    assert points["agent"] != 0


def test_features_that_nothing_tells_apart_add_the_same(scorer: Scorer, rows: Matrix, reference: Matrix) -> None:
    # given trees to which two shares are as one: they see them in both orders
    one, other = (NAMES.index(f"agent_{name}_before_as_of") for name in ("win_rate", "win_rate_90d"))

    class Even:
        def predict(self, matrix: Matrix, **options: Any) -> Matrix:
            swapped = matrix.copy()
            swapped[:, [one, other]] = matrix[:, [other, one]]
            return np.asarray(scorer.booster.predict(matrix, **options) + scorer.booster.predict(swapped, **options))

    row = rows[3].copy()
    row[[one, other]], reference = 0.9, reference.copy()
    reference[[one, other]] = 0.5
    # when
    explained = explanations.explain(Scorer(Even(), scorer.calibration), row, reference)  # type: ignore[arg-type]
    # then, to the bit
    assert explained.points[one] == explained.points[other] != 0
    assert explained.adds_up()


def test_points_that_were_kept_give_the_same_explanation_and_others_none(
    scorer: Scorer, rows: Matrix, reference: Matrix
) -> None:
    # given
    row = rows[0]
    made = explanations.explain(scorer, row, reference)
    equal = int(np.flatnonzero(row == reference)[0])
    # when
    again = explanations.of_kept(scorer, row, reference, made.points)
    # then
    assert again is not None
    assert (again.base, again.probability, again.points.tobytes()) == (
        made.base,
        made.probability,
        made.points.tobytes(),
    )
    for damaged in (1e-6, np.nan, np.inf, -1e300):
        points = made.points.copy()
        points[5] += damaged
        assert explanations.of_kept(scorer, row, reference, points) is None
    moved = made.points + 0.1 * (np.eye(len(NAMES))[equal] - np.eye(len(NAMES))[NAMES.index("deal_age_days")])
    assert explanations.of_kept(scorer, row, reference, moved) is None
    assert explanations.of_kept(scorer, rows[1], reference, made.points) is None


def test_every_feature_has_words_and_a_group_and_every_group_its_features() -> None:
    # a new feature without words fails here
    assert set(FEATURE_TEXT) == set(NAMES)
    names = [group.name for group in GROUPS]
    assert {words.group for words in FEATURE_TEXT.values()} == set(names)
    for group in GROUPS:
        assert group.lead
        assert {FEATURE_TEXT[name].group for name in group.lead} == {group.name}


def test_each_fact_holds_the_value_it_is_about(rows: Matrix) -> None:
    for row in rows[:20]:
        for feature, value in zip(FEATURES, map(float, row), strict=True):
            fact = FEATURE_TEXT[feature.name].fact(value)
            assert fact[0].islower() or fact[0].isdigit()
            assert not fact.endswith(".")
            if FEATURE_TEXT[feature.name].group in OF_HISTORY:
                assert "known" in fact
                continue
            if feature.unit == "days":
                assert f"{round(value):,}" in fact
            if feature.unit in ("share", "share a day", "probability"):
                assert percent(value) in fact


def test_sentences_name_value_unit_and_effect(scorer: Scorer, rows: Matrix, reference: Matrix) -> None:
    # given
    age = NAMES.index("deal_age_days")
    row = rows[np.argmin(abs(rows[:, age] - 60))]
    explained = explanations.explain(scorer, row, reference)
    # when
    story = _story(explained, row, reference)
    # then
    by_name = {one.name: one for one in (*story.groups, *story.features)}
    sentence = by_name["deal_age_days"].sentence
    assert sentence.startswith(f"The deal has been open for {days(row[age])}; this ")
    assert f"{abs(by_name['age'].points) * 100:.1f} point" in by_name["age"].sentence
    assert ("raises" if by_name["age"].points > 0 else "lowers") in by_name["age"].sentence
    assert "engaged on 2017-11-10" in story.base_sentence
    assert f"{percent(explained.base)} of such deals are won by 2017-12-30" in story.base_sentence
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
    scorer: Scorer, rows: Matrix, reference: Matrix, entity: Entity, standing: NameStatus, words: str
) -> None:
    # when
    explained = explanations.explain(scorer, rows[0], reference)
    story = _story(explained, rows[0], reference, {**KNOWN, entity: standing})
    # then: in its group and its features, and nowhere else
    group = next(group.name for group in GROUPS if group.entity == entity)
    told = {one.name for one in story.groups if words in one.sentence}
    assert told == {group}
    assert {one.group for one in story.features if words in one.sentence} == {group}


def test_a_feature_that_adds_most_is_told_though_it_does_not_lead(reference: Matrix) -> None:
    # given
    points = np.zeros(len(NAMES))
    points[NAMES.index("agent_cycle_days_before_as_of")] = 0.122
    row = reference.copy()
    row[NAMES.index("agent_cycle_days_before_as_of")] = 33
    # when
    story = _story(Explanation(0.622, 0.5, points), row, reference)
    # then
    agent = next(group for group in story.groups if group.name == "agent")
    assert agent.sentence.endswith(
        "the agent's deals take about 33 days to close; this raises the chance by 12.2 points."
    )


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("cycle_stage", 4, "it is older than any deal that has closed"),
        ("stage_win_rate_before_as_of", 0.4, "about 40 % of the closed deals that had reached this stage were won"),
        ("stage_days_to_close_before_as_of", 12.2, "deals take about 12 days to close from this stage on"),
        ("days_in_stage", 1, "the deal has been in its stage for 1 day"),
        ("stages_entered", 1, "it has entered 1 stage"),
        ("stages_entered", 3, "it has entered 3 stages"),
        ("stage_win_rate_before_as_of", 0, "the deal's stage is not known"),
        ("moves_back", 0, "it is not known to have moved back"),
        ("moves_back", 1, "it has moved back once"),
        ("moves_back", 2, "it has moved back twice"),
        ("days_to_expected_close", 0, "no expected close date ahead of it is known"),
        ("days_to_expected_close", 9, "its close is expected in 9 days"),
        ("days_past_expected_close", 0, "it is not known to be overdue"),
        ("days_past_expected_close", 4, "it is 4 days overdue"),
        ("expected_close_slips", 3, "its expected close was put off 3 times"),
        ("deal_age_days", 731, "the deal has been open for 731 days or more"),
        ("deal_age_days", 1, "the deal has been open for 1 day"),
        ("horizon_days", 1, "1 day is left until the date asked about"),
        ("month_of_quarter", 3, "it is the third month of the quarter"),
        ("product_price_before_as_of", 26_768.4, "the product sells for 26,768 on average"),
        (
            "product_price_change_90d_before_as_of",
            -0.021,
            "the product has sold 2.1 % below its price over the last 90 days",
        ),
        ("product_price_change_90d_before_as_of", 0.0, "the product has sold at its usual price over the last 90 days"),
        (
            "share_of_cycles_longer_before_as_of",
            0.0001,
            "under 0.1 % of the closed deals took longer than this one has been open",
        ),
    ],
)
def test_values_at_their_ends_are_worded(name: str, value: float, fact: str) -> None:
    assert FEATURE_TEXT[name].fact(value) == fact
