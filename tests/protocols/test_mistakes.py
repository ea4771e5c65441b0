"""Each kind of mistake: found, alone, at its key and line, with what would be right."""

import pytest

from protocols.load import parse
from protocols.problems import ProtocolError

RIGHT = """\
format = 1
name = "right"

[units]
count = 8

[populations]
a = "0-2"
b = [3, 4]
control = "rest"

[axes.x]
population = "a"
gain = 0.1

[axes.y]
population = "b"
gain = 0.1

[[blocks]]
kind = "rest"
duration_s = 5

[[blocks]]
kind = "closed_loop"

[task]
pattern = "ring"
count = 4
distance_cm = 6
target_radius_cm = 1
hold_ms = 300
timeout_ms = 3000
inter_trial_ms = 500
"""


def spoil(old: str, new: str) -> str:
    """Replace the first place where `old` stands in the protocol that is right."""
    assert old in RIGHT
    return RIGHT.replace(old, new, 1)


def problems_in(text: str, overrides=(), folder=None) -> list[tuple[str, str, int | None, str]]:
    """Return (file, key, line, message) of each mistake."""
    try:
        parse(text, "p.toml", overrides, folder)
    except ProtocolError as error:
        return [(problem.file, problem.key, problem.line, problem.message) for problem in error.problems]
    return []


MORE = RIGHT + "\n"
TABLE = 'count = 2\nmap = "table"\ntable = '
TWO_UNITS = spoil('a = "0-2"\nb = [3, 4]\ncontrol = "rest"', 'a = "0"\nb = [1]')

CASES = {
    "unknown key": (spoil("hold_ms", "hold_ms = 300\nhold"), "task.hold", "did you mean 'hold_ms'"),
    "unknown table": (MORE + "[lerning]\n", "lerning", "did you mean 'learning'"),
    "key in the wrong table": (spoil("count = 8", "count = 8\nseed = 3"), "units.seed", "it belongs in [session]"),
    "missing key": (spoil("hold_ms = 300\n", ""), "task.hold_ms", "is missing; allowed: a number from 0 to 60000"),
    "missing table": (spoil("[units]\ncount = 8\n", ""), "units", "is missing; allowed: a table"),
    "text for a number": (spoil("hold_ms = 300", 'hold_ms = "300"'), "task.hold_ms", '"300" is not allowed'),
    "number for a text": (spoil('name = "right"', "name = 3"), "name", "3 is not allowed; allowed: text"),
    "not a number": (spoil("hold_ms = 300", "hold_ms = nan"), "task.hold_ms", "nan is not allowed"),
    "value for a table": (MORE + "[driver.settings]\nx=1\n", "driver.settings.x", "unknown key"),
    "value out of bounds": (spoil("count = 8", "count = 0"), "units.count", "a whole number from 1 to"),
    "truth for a number": (spoil("count = 8", "count = true"), "units.count", "true is not allowed"),
    "word not in the list": (spoil('"ring"', '"rang"'), "task.pattern", '"ring" or "list" or "uniform"'),
    "other format": (spoil("format = 1", "format = 2"), "format", "allowed: 1"),
    "tick too long": (MORE + "[tick]\nperiod_ms = 200\n", "tick.period_ms", "a number from 1 to 100"),
    "no blocks": (
        spoil('[[blocks]]\nkind = "rest"\nduration_s = 5\n\n[[blocks]]\nkind = "closed_loop"\n', ""),
        "blocks",
        "at least one [[blocks]] table",
    ),
    # populations
    "overlap": (spoil("[3, 4]", '"2-4"'), "populations.b", "unit 2 also in 'a'; populations must not overlap"),
    "out of range": (spoil("[3, 4]", "[3, 8, 9]"), "populations.b", "no such units 8-9; allowed: 0-7"),
    "backward range": (spoil('"0-2"', '"2-0"'), "populations.a", "'2-0' runs backwards"),
    "not a range": (spoil('"0-2"', '"0-x"'), "populations.a", "'0-x' is not a unit or a range"),
    "unit twice": (spoil('"0-2"', '"0-2,1"'), "populations.a", "unit 1 named twice"),
    "empty list": (spoil("[3, 4]", "[]"), "populations.b", "at least one unit"),
    "negative unit": (spoil("[3, 4]", "[-3, 4]"), "populations.b", "[-3, 4] is not allowed"),
    "huge range": (spoil('"0-2"', '"0-99999999999"'), "populations.a", "holds more than"),
    "two rests": (spoil("[3, 4]", '"rest"'), "populations.control", "'b' is \"rest\" already"),
    "nothing left for rest": (spoil("[3, 4]", '"3-7"'), "populations.control", "no unit is left"),
    "bad population name": (spoil('control = "rest"', '1a = "rest"'), "populations.1a", "is not a name"),
    # units
    "table without rows": (MORE.replace("count = 8", 'count = 8\nmap = "table"'), "units", "0 rows for 8 units"),
    "too few rows": (TWO_UNITS.replace("count = 8", f"{TABLE}[[1, 0]]"), "units.table", "1 rows for 2 units"),
    "row twice": (TWO_UNITS.replace("count = 8", f"{TABLE}[[1, 0], [1, 0]]"), "units.table", "rows '0', '1'"),
    "row that is no pair": (TWO_UNITS.replace("count = 8", f"{TABLE}[[1, 0], [1]]"), "units.table.1", "[[channel"),
    "table without map": (spoil("count = 8", "count = 8\ntable = [[1, 0]]"), "units.table", "has no effect"),
    "units per channel without map": (
        spoil("count = 8", "count = 8\nunits_per_channel = 4"),
        "units.units_per_channel",
        'set map = "channel_unit"',
    ),
    # axes
    "axis without population": (spoil('population = "a"\ngain = 0.1\n', ""), "axes.x", "has no population"),
    "unknown population": (spoil('population = "a"', 'population = "contrl"'), "axes.x.population", "'control'?"),
    "population on two axes": (
        spoil('population = "b"', 'population = "a"'),
        "axes.y.population",
        "'a' drives axes.x.population already",
    ),
    "push without pull": (spoil('population = "a"', 'push = "a"'), "axes.x", "pull is missing"),
    "pull without push": (spoil('population = "a"', 'pull = "a"'), "axes.x", "push is missing"),
    "push is pull": (spoil('population = "a"', 'push = "a"\npull = "a"'), "axes.x.pull", "drives axes.x.push already"),
    "population and pair": (
        spoil('population = "a"', 'population = "a"\npush = "control"'),
        "axes.x",
        "both population and push or pull",
    ),
    "no gain": (spoil('population = "a"\ngain = 0.1', 'population = "a"'), "axes.x.gain", "is missing"),
    "gain of zero": (spoil("gain = 0.1", "gain = 0"), "axes.x.gain", "a number above 0"),
    "infinite gain": (spoil("gain = 0.1", "gain = inf"), "axes.x.gain", "inf is not allowed"),
    # plugins
    "unknown decoder": (MORE + '[decoder]\nkind = "kalmann"\n', "decoder.kind", "there is no decoder 'kalmann'"),
    "unknown rule": (MORE + '[learning]\nrule = "lsm"\n', "learning.rule", "there is no learning rule"),
    "unknown driver": (MORE + '[driver]\nkind = "x"\n', "driver.kind", "there is no driver"),
    "unknown subject": (MORE + '[subject]\nkind = "x"\n', "subject.kind", "there is no subject"),
    "unknown output": (MORE + '[[outputs]]\non = "reward"\nkind = "x"\n', "outputs.0.kind", "there is no output"),
    "rule and decoder that do not fit": (
        MORE + '[learning]\nrule = "refit"\nwhen = "trial"\n',
        "learning.rule",
        "adapts the model, which decoder 'groupweight' does not offer",
    ),
    "staged rule in a tick": (
        MORE + '[learning]\nrule = "staged"\nwhen = "trial"\n',
        "learning.when",
        "is too slow for a tick and is computed beside it; allowed: 'off', 'block', 'seconds'",
    ),
    "history that is too short": (
        MORE + '[learning]\nwhen = "seconds"\nevery_s = 60\nhistory_s = 30\n',
        "learning.history_s",
        "is shorter than every_s (60), so that samples would be lost; allowed: at least 60",
    ),
    "unknown setting": (MORE + "[subject]\nsettings.delay_ms = 3\n", "subject.settings.delay_ms", "visual_delay_ms"),
    "setting out of bounds": (
        MORE + '[decoder]\nkind = "linear"\nsettings.m1 = -1\n',
        "decoder.settings.m1",
        "allowed: a number from 0 below 1",
    ),
    "missing setting": (
        MORE + '[[outputs]]\non = "reward"\nkind = "serial"\n',
        "outputs.0.settings.port",
        "is missing; allowed: text",
    ),
    "prior that the subject does not have": (MORE + '[subject]\nprior = "all"\n', "subject.prior", '"nominal" or'),
    "prior in settings": (
        MORE + '[subject.settings]\nprior = "nominal"\n',
        "subject.settings.prior",
        "allowed: subject.prior",
    ),
    # learning, safety, workspace
    "weight limits": (MORE + "[learning]\nweight_min = 10\n", "learning.weight_min", "not below weight_max (10)"),
    "watchdog within a tick": (MORE + "[safety]\nwatchdog_ms = 5\n", "safety.watchdog_ms", "above 10"),
    "flat workspace": (
        MORE + "[workspace]\nsize_cm = [0, 20]\n",
        "workspace.size_cm.0",
        "both above 0",
    ),
    "workspace of three numbers": (MORE + "[workspace]\nsize_cm = [20, 20, 20]\n", "workspace.size_cm", "[width"),
    # blocks
    "rest without length": (spoil("duration_s = 5\n", ""), "blocks.0.duration_s", "a rest block needs it"),
    "rest with trials": (spoil("duration_s = 5", "duration_s = 5\ntrials = 3"), "blocks.0.trials", "has no trials"),
    "rest with assist": (spoil("duration_s = 5", "duration_s = 5\nassist = 1"), "blocks.0.assist", "allowed: 0"),
    "block without end": (
        spoil('[[blocks]]\nkind = "rest"', '[[blocks]]\nkind = "closed_loop"\n[[blocks]]\nkind = "rest"'),
        "blocks.0",
        "only the last block may",
    ),
    "two lengths": (spoil('"closed_loop"', '"closed_loop"\nduration_s = 5\ntrials = 3'), "blocks.1", "one of them"),
    "assist above 1": (spoil('"closed_loop"', '"closed_loop"\nassist = 2'), "blocks.1.assist", "from 0 to 1, or [from"),
    "assist as text": (spoil('"closed_loop"', '"closed_loop"\nassist = "1"'), "blocks.1.assist", "or [from, to]"),
    "assist of three": (
        spoil('"closed_loop"', '"closed_loop"\nassist = [0, 1, 0]'),
        "blocks.1.assist",
        "or [from, to]",
    ),
    "assist that never ends": (spoil('"closed_loop"', '"closed_loop"\nassist = [1, 0]'), "blocks.1.assist", "no end"),
    "assist by hand": (
        spoil('"closed_loop"', '"arm"\nassist = 0.5'),
        "blocks.1.assist",
        "where the hand moves the cursor; allowed: 0",
    ),
    "drawing without path": (
        spoil('"closed_loop"', '"drawing"'),
        "task.path_size_cm",
        "blocks.1, a drawing block, needs it",
    ),
    "path over the edge": (
        spoil('"closed_loop"', '"drawing"') + "path_size_cm = [18.5, 4]\n",
        "task.path_size_cm",
        "allowed: up to 18 x 18",
    ),
    "no path": (
        spoil('"closed_loop"', '"drawing"') + "path_size_cm = [0, 0]\n",
        "task.path_size_cm",
        "not both 0",
    ),
    "half a cycle": (
        spoil('"closed_loop"', '"drawing"') + "path_size_cm = [4, 4]\npath_cycles = [1, 0.5]\n",
        "task.path_cycles.1",
        "whole numbers from 0 to 100",
    ),
    # task
    "ring without count": (spoil("count = 4\n", ""), "task.count", 'pattern = "ring" needs it'),
    "key of another pattern": (spoil("count = 4", "count = 4\nmargin_cm = 2"), "task.margin_cm", "has no effect"),
    "empty list of targets": (
        spoil('"ring"\ncount = 4\ndistance_cm = 6', '"list"\npositions_cm = []'),
        "task.positions_cm",
        "[] is not allowed; allowed: [[x, y], ...]",
    ),
    "target out of the workspace": (spoil("distance_cm = 6", "distance_cm = 9.5"), "task.distance_cm", "and 3 more"),
    "listed target out of the workspace": (
        spoil('"ring"\ncount = 4\ndistance_cm = 6', '"list"\npositions_cm = [[0, 0], [0, -9.5]]'),
        "task.positions_cm",
        "target 2 at (0, -9.5) with radius 1 out of the workspace; the edge is 10 x 10 cm",
    ),
    "target off the line": (
        spoil('[axes.y]\npopulation = "b"\ngain = 0.1\n', ""),
        "task.distance_cm",
        "target 2 at (0, 6) and 1 more off the cursor's line",
    ),
    "small margin": (
        spoil('"ring"\ncount = 4\ndistance_cm = 6', '"uniform"\nmargin_cm = 0.5'),
        "task.margin_cm",
        "at least target_radius_cm (1)",
    ),
    "margin without room": (
        spoil('"ring"\ncount = 4\ndistance_cm = 6', '"uniform"\nmargin_cm = 10'),
        "task.margin_cm",
        "no room",
    ),
    "hold as long as the trial": (spoil("hold_ms = 300", "hold_ms = 3000"), "task.hold_ms", "not shorter than"),
    # ticks
    "hold": (spoil("hold_ms = 300", "hold_ms = 305"), "task.hold_ms", "(tick.period_ms is 10); nearest: 300 or 310"),
    "short hold": (spoil("hold_ms = 300", "hold_ms = 5"), "task.hold_ms", "nearest: 0 or 10"),
    "short reward": (spoil("hold_ms", "reward_ms = 5\nhold_ms"), "task.reward_ms", "nearest: 10"),
    "block": (spoil("duration_s = 5", "duration_s = 5.005"), "blocks.0.duration_s", "nearest: 5 or 5.01"),
    "samples": (MORE + "[learning]\nsample_ms = 15\n", "learning.sample_ms", "nearest: 10 or 20"),
    "sample within a tick": (MORE + "[learning]\nsample_ms = 1\n", "learning.sample_ms", "nearest: 10"),
    "tick of 7 ms": (
        spoil("[task]", "[tick]\nperiod_ms = 7\n[task]")
        .replace("300", "301")
        .replace("3010", "3500")
        .replace("500", "504")
        .replace("3504", "3500")
        .replace("duration_s = 5", "duration_s = 4.9")
        .replace("hold_ms = 301", "hold_ms = 300"),
        "task.hold_ms",
        "(tick.period_ms is 7); nearest: 294 or 301",
    ),
}


def test_the_protocol_that_is_spoiled_below_is_right():
    assert problems_in(RIGHT) == []


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_found_alone_and_says_what_is_allowed(name):
    text, key, message = CASES[name]
    found = problems_in(text)
    assert [problem[1] for problem in found] == [key]
    assert message in found[0][3]
    assert found[0][0] == "p.toml"
