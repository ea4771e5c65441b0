"""Test that what is allowed but hardly meant is named, and nothing else."""

import pytest

from protocols.cautions import cautions
from protocols.load import load

pytestmark = pytest.mark.usefixtures("real_plugins")

LINKS = ("subject.kind=arm", "subject.settings.arm=links", "workspace.size_cm=[80,80]")
LEARNS = ("subject.kind=autonomous",)
REST = "{kind='rest',duration_s=3}"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (['blocks=[{kind="closed_loop"}]'], 'no block of kind "rest"'),
        (['blocks=[{kind="closed_loop", trials=3}, {kind="rest", duration_s=3}]'], "until the first block"),
        (["learning.when=trial", "blocks.1.learning=false"], "no block with targets"),
        (["learning.rule=reinforcement", "learning.when=trial"], "learns nothing"),
        (["learning.rule=reward_gated", "learning.when=tick"], 'take "reward"'),
        (["learning.rule=reinforcement", "learning.when=reward", "learning.exploration_cm_s=1"], 'take "trial"'),
        (
            ['blocks=[{kind="rest",duration_s=3},{kind="drawing"}]', "task.path_size_cm=[4,4]"],
            "subject 'plain' has none",
        ),
        (["learning.when=tick", "learning.weight_max=0.5"], "every update will be rejected"),
        (["learning.when=tick", "learning.weight_min=0", "decoder.scramble=0.1"], "every update will be rejected"),
        (["neurons.new_per_h=1"], "neurons.loss_per_h is 0"),
        ([*LEARNS, "subject.learner=batched"], "it learns nothing"),
        ([*LINKS, f"blocks=[{REST},{{kind='arm'}}]", "task.distance_cm=26"], "task.distance_cm: the arm"),
        ([*LINKS, f"blocks=[{REST},{{kind='arm'}}]", "task.distance_cm=32"], "(22.6, 22.6) cm"),
        (
            [*LINKS, f"blocks=[{REST},{{kind='drawing'}}]", "task.path_size_cm=[60,60]", "task.distance_cm=26"],
            "task.path_size_cm: the arm",
        ),
        ([*LEARNS, "subject.learner=reinforcement", "subject.exploration=none"], "learner 'reinforcement'"),
        ([*LEARNS, "subject.learner=lms", "subject.prior=nothing", "subject.settings.exploration_hz=0"], "'nothing'"),
    ],
)
def test_it_warns(overrides: list[str], said: str) -> None:
    (line,) = cautions(load("center_out", overrides))
    assert said in line


@pytest.mark.parametrize(
    "overrides",
    [
        ["learning.rule=reinforcement"],  # off: nothing is meant to be learnt
        ["learning.rule=reinforcement", "learning.when=trial", "learning.exploration_cm_s=1.5"],
        ["learning.rule=reward_gated", "learning.when=reward"],
        ['blocks=[{kind="rest",duration_s=3},{kind="arm"}]', "subject.kind=arm"],
        ['blocks=[{kind="rest",duration_s=3},{kind="arm"}]', "driver.kind=lsl"],
        [*LINKS, f"blocks=[{REST},{{kind='arm'}}]", "task.distance_cm=20"],
        [*LINKS, f"blocks=[{REST},{{kind='isometric'}}]", "task.distance_cm=26"],  # the hand is held
        [*LINKS, "subject.settings.arm=point", f"blocks=[{REST},{{kind='arm'}}]", "task.distance_cm=26"],
        [*LINKS, f"blocks=[{REST},{{kind='drawing'}}]", "task.path_size_cm=[20,20]", "task.distance_cm=26"],
        ["neurons.new_per_h=1", "neurons.loss_per_h=1"],
        [*LEARNS, "subject.learner=batched", "subject.settings.rule.replays_awake=1"],
        [*LEARNS, "subject.learner=batched", f"blocks=[{REST},{{kind='closed_loop',trials=9}},{REST}]"],
        [*LEARNS, "subject.learner=lms", "subject.exploration=none"],  # what it knows moves it
        [
            *LEARNS,
            "subject.learner=lms",
            "subject.prior=nothing",
            "subject.exploration=none",
            "subject.encoding=cosine",
        ],
        ["learning.when=tick", "learning.weight_min=0"],  # weights may be kept from changing their sign
    ],
)
def test_it_is_silent(overrides: list[str]) -> None:
    assert cautions(load("center_out", overrides)) == []
