"""Refuse rules and samples that a decoder's form makes nothing of; caution of features that do not suit it."""

import pytest

from protocols.cautions import cautions
from protocols.load import load
from protocols.problems import ProtocolError

pytestmark = pytest.mark.usefixtures("real_plugins")

RML = ("decoder.kind=kalman", "decoder.smoothing=none", "learning.rule=rml", "learning.when=trial")
FIT = 'blocks=[{kind="rest",duration_s=5},{kind="observation",duration_s=30,fit=true},{kind="closed_loop"}]'


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        ([*RML, "decoder.settings.gain=steady"], "decoder.settings.gain", ("'steady'", "'running'", "smoothbatch")),
        ([*RML, "decoder.settings.noise=full"], "decoder.settings.noise", ("'full'", "'diagonal'", "smoothbatch")),
        ([FIT, "decoder.kind=kalman", "learning.sample_ms=50"], "learning.sample_ms", ("50 ms", "allowed: 10")),
        ([FIT, "decoder.kind=wiener", "learning.sample_ms=20"], "learning.sample_ms", ("20 ms", "allowed: 10")),
    ],
)
def test_what_would_do_nothing_or_harm_is_refused(overrides: list[str], key: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ProtocolError) as raised:
        load("center_out", overrides)
    (problem,) = raised.value.problems
    assert key in str(problem)
    assert all(word in str(problem) for word in words)


@pytest.mark.parametrize(
    "overrides",
    [
        RML,
        (*RML, "learning.when=off", "decoder.settings.gain=steady"),
        (*RML, "learning.rule=smoothbatch", "learning.when=seconds", "decoder.settings.gain=steady"),
        (*RML, "learning.rule=smoothbatch", "learning.when=seconds", "decoder.settings.noise=full"),
        (FIT, "decoder.kind=linear", "learning.sample_ms=50"),
        ("decoder.kind=refit_kalman",),  # it is the faster one on smoothed rates
        (FIT, "decoder.kind=kalman", "tick.period_ms=20", "decoder.smoothing=none"),
    ],
)
def test_what_acts_is_allowed_without_a_word(overrides: tuple[str, ...]) -> None:
    assert cautions(load("center_out", overrides)) == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["decoder.kind=kalman"], "decoder.smoothing"),
        ([FIT, "decoder.kind=population_vector", "decoder.smoothing=none"], "decoder.settings.least_r2"),
    ],
)
def test_what_does_not_suit_is_named(overrides: list[str], said: str) -> None:
    (line,) = cautions(load("center_out", overrides))
    assert said in line


@pytest.mark.parametrize(("period_ms", "most"), [(10, 1443), (1, 456)])
def test_a_rule_whose_sample_takes_half_a_tick_is_refused(period_ms: int, most: int) -> None:
    """The guide says about 1440 units at 10 ms and 450 at 1 ms; learning would make every tick late beyond."""
    rule = [f"tick.period_ms={period_ms}", "learning.rule=regression", "learning.when=trial"]
    load("center_out", [*rule, f"units.count={most}"])
    load("center_out", ["learning.rule=lms", *rule[::2], f"units.count={most + 1}"])
    with pytest.raises(ProtocolError) as raised:
        load("center_out", [*rule, f"units.count={most + 1}"])
    (problem,) = raised.value.problems
    assert problem.key == "learning.rule"
    assert f"ticks of {period_ms} ms would be late; allowed: at most {most} units" in problem.message
