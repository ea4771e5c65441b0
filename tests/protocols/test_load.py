"""Where protocols are found, what overrides do, and how mistakes are told."""

import pytest

from protocols.cautions import cautions
from protocols.load import SHIPPED_FOLDER, catalogue, load, parse
from protocols.problems import Problem, ProtocolError

SHIPPED = sorted(path.stem for path in SHIPPED_FOLDER.glob("*.toml"))
CENTER_OUT = (SHIPPED_FOLDER / "center_out.toml").read_text()


def line_with(text, part):
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def problems_in(text, overrides=(), folder=None):
    with pytest.raises(ProtocolError) as caught:
        parse(text, "p.toml", overrides, folder)
    return caught.value.problems


def test_several_mistakes_are_told_in_one_run_in_the_order_of_the_file():
    text = (
        CENTER_OUT.replace('vertical = "32-63"', 'vertical = "31-63"')
        .replace("gain = 0.08", "gian = 0.08", 1)
        .replace('rule = "lms"', 'rule = "refit"')
        .replace('when = "off"', 'when = "trial"')
        .replace("hold_ms = 300", "hold_ms = 305")
        .replace("timeout_ms = 6000\n", "")
        .replace("distance_cm = 8", 'distance_cm = "8"')
    )
    problems = problems_in(text, ["task.reward_ms=7", "nonsense"])
    assert [(problem.file, problem.key) for problem in problems] == [
        ("p.toml", "populations.vertical"),
        ("p.toml", "axes.x.gain"),  # missing: told at its table
        ("p.toml", "axes.x.gian"),
        ("p.toml", "learning.rule"),
        ("p.toml", "task.timeout_ms"),  # missing
        ("p.toml", "task.distance_cm"),
        ("p.toml", "task.hold_ms"),
        ("--set", "nonsense"),
        ("--set", "task.reward_ms"),
    ]
    for problem in problems[:7]:
        assert problem.line is not None


@pytest.mark.parametrize(
    ("old", "new", "key", "at"),
    [
        ("hold_ms = 300", "hold_ms = 305", "task.hold_ms", "hold_ms = 305"),
        ("hold_ms = 300\n", "", "task.hold_ms", "[task]"),
        ("format = 1", "format = 1\nsession.seed = -1", "session.seed", "session.seed"),
        ('control = "rest"', "control = [\n  1, # one\n  200,\n]", "populations.control", "control = ["),
        ("[[blocks]] # without", '[[blocks]] # free\nkind = "free"\n[[blocks]] #', "blocks.1.duration_s", "# free"),
        ('kind = "closed_loop"', 'kind = "closed"', "blocks.1.kind", 'kind = "closed"'),
        ('name = "center_out"', 'name = "x"\n"tilte" = """\n[task]\n"""', "tilte", '"tilte"'),
    ],
)
def test_a_mistake_names_its_line(old, new, key, at):
    assert old in CENTER_OUT
    text = CENTER_OUT.replace(old, new, 1)
    found = {problem.key: problem.line for problem in problems_in(text)}
    assert found[key] == line_with(text, at)


def test_a_key_that_the_file_does_not_have_has_no_line():
    (problem,) = problems_in(CENTER_OUT.replace("[units]\ncount = 96", ""))
    assert str(problem) == "p.toml: units: is missing; allowed: a table"


def test_text_that_is_not_toml_names_its_line():
    (problem,) = problems_in("format = 1\nname = \n")
    assert (problem.line, problem.key) == (2, "")
    assert "is not valid TOML" in str(problem)
    (problem,) = problems_in('format = 1\nname = "x\n')
    assert problem.line == 2


def test_a_problem_is_printed_with_what_is_known_of_its_place():
    assert str(Problem("f.toml", "task.hold_ms", 3, "is wrong")) == "f.toml:3: task.hold_ms: is wrong"
    assert str(Problem("f.toml", "", None, "is wrong")) == "f.toml: is wrong"
    assert str(ProtocolError([Problem("a", "b", 1, "c"), Problem("d", "", None, "e")])) == "a:1: b: c\nd: e"


def test_what_rests_on_a_wrong_key_is_not_told_as_well():
    (problem,) = problems_in(CENTER_OUT.replace("count = 96", "count = 9.5"))
    assert problem.key == "units.count"
    (problem,) = problems_in(CENTER_OUT.replace('horizontal = "0-31"', "horizontal = 3.5"))
    assert problem.key == "populations.horizontal"
    (problem,) = problems_in(CENTER_OUT, ["tick.period_ms=0"])
    assert problem.key == "tick.period_ms"


# Overrides


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("task.hold_ms=500", 500.0),
        ("task.order=sequential", "sequential"),
        ('task.order="random"', "random"),
        ("task.hold_break_fails = true", True),
        ("workspace.size_cm=[30, 40]", (30.0, 40.0)),
        ("blocks.0.duration_s=7", 7.0),
        ("outputs.0={on='reward', kind='null'}", {"on": "reward", "kind": "null", "settings": {}}),
        ("populations.control=64-70", "64-70"),
        ("name=3 blind mice", "3 blind mice"),
        ("description=a = b", "a = b"),
    ],
)
def test_an_override_changes_any_key(override, value):
    found = load("center_out", [override]).model_dump()
    for part in override.partition("=")[0].strip().split("."):
        found = found[int(part)] if part.isdecimal() else found[part]
    assert found == value


def test_an_override_can_append_a_table_key_by_key():
    protocol = load(
        "center_out",
        ["outputs.0.on=reward", "outputs.0.kind=lsl_marker", "blocks.2.kind=observation", "blocks.1.trials=3"],
    )
    assert [(output.on, output.kind, output.settings) for output in protocol.outputs] == [
        ("reward", "lsl_marker", {"label": "marker"})
    ]
    assert [block.kind for block in protocol.blocks] == ["rest", "closed_loop", "observation"]


@pytest.mark.parametrize(
    ("override", "key", "message"),
    [
        ("task.hold=500", "task.hold", "did you mean 'hold_ms'"),
        ("task.hold_ms=505", "task.hold_ms", "nearest: 500 or 510"),
        ("task.hold_ms", "task.hold_ms", "is not key=value"),
        ("=3", "=3", "is not key=value"),
        ("task..hold_ms=3", "task..hold_ms=3", "is not key=value"),
        ("blocks.9.kind=rest", "blocks.9.kind", "allowed: 0-2 (2 appends one)"),
        ("blocks.x.kind=rest", "blocks.x.kind", "has no entry 'x'"),
        ("name.first=3", "name.first", "'name' is a value, not a table"),
        ("populations.vertical=0-3", "populations.vertical", "units 0-3 also in 'horizontal'"),
        ("task.hold_ms=1\ntimeout_ms=3", "task.hold_ms", "is not allowed"),
    ],
)
def test_a_mistake_in_an_override_is_told_as_one(override, key, message):
    (problem,) = problems_in(CENTER_OUT, [override])
    assert (problem.file, problem.key, problem.line) == ("--set", key, None)
    assert message in problem.message


def test_durations_left_to_their_defaults_follow_the_tick():
    overrides = ["tick.period_ms=45", "task.hold_ms=315", "task.timeout_ms=6030", "task.inter_trial_ms=495"]
    protocol = load("center_out", [*overrides, "blocks.0.duration_s=4.5"])
    assert (protocol.task.reward_ms, protocol.task.failed_ms, protocol.learning.sample_ms) == (315.0, 315.0, 45.0)


@pytest.mark.parametrize("order", [1, -1])
def test_a_plugin_that_is_exchanged_takes_its_settings_with_it(order):
    text = CENTER_OUT + '\n[decoder]\nkind = "linear"\nsettings.m1 = 0.5\n'
    assert parse(text, "p.toml", ["decoder.kind=linear"]).decoder.settings == {"m1": 0.5}
    assert parse(text, "p.toml", ["decoder.kind=groupweight"]).decoder.settings == {}
    overrides = ["decoder.kind=linear", "decoder.settings.m1=0.25"][::order]
    assert parse(CENTER_OUT, "p.toml", overrides).decoder.settings == {"m1": 0.25}
    (problem,) = problems_in(text.replace("0.5", "2"), [])
    assert (problem.file, problem.line) == ("p.toml", line_with(text, "settings.m1"))


def test_a_mistake_at_a_table_that_overrides_made_is_theirs():
    (problem,) = problems_in(CENTER_OUT, ["outputs.0.on=reward"])
    assert str(problem) == "--set: outputs.0.kind: is missing; allowed: text"
    (problem,) = problems_in(CENTER_OUT, ["outputs.0.on=reward", "outputs.0.kind=serial"])
    assert str(problem) == "--set: outputs.0.settings.port: is missing; allowed: text"


# Files


def test_the_catalogue_lists_shipped_protocols_and_those_of_the_user(user_data):
    assert [name for name, _, _ in catalogue()] == SHIPPED
    assert all(title for _, _, title in catalogue())
    user_data.mkdir(parents=True)
    (user_data / "left_right.toml").write_text(CENTER_OUT.replace('"center_out"', '"mine"'))
    (user_data / "broken.toml").write_text("= 3")
    found = {name: (path, title) for name, path, title in catalogue()}
    assert found["left_right"] == (user_data / "left_right.toml", "Center-out, 8 targets, groupweight")
    assert found["broken"][1].startswith("(cannot be read")
    assert load("left_right").name == "mine"


def test_a_protocol_is_loaded_by_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(CENTER_OUT)
    assert load(path) == load(str(path)) == load("center_out")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("centre_out", "centre_out: no protocol of this name; did you mean 'center_out'?; there are: calibrate, "),
        ("nowhere/mine.toml", "nowhere/mine.toml: there is no such file"),
        ("nowhere.toml", "nowhere.toml: there is no such file"),
        (str(SHIPPED_FOLDER), f"{SHIPPED_FOLDER}: cannot be read: "),
    ],
)
def test_a_protocol_that_is_not_there_is_one_clear_line(name, message):
    with pytest.raises(ProtocolError) as caught:
        load(name)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_text_are_one_clear_line(tmp_path):
    path = tmp_path / "corrupt.toml"
    path.write_bytes(CENTER_OUT.encode()[:100] + b"\xff\x00")
    with pytest.raises(ProtocolError, match=r"byte 100 is not UTF-8"):
        load(path)


def test_a_saved_decoder_is_looked_for_beside_the_file_and_kept_by_its_full_path(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(CENTER_OUT + '\n[decoder]\nstart_from = "saved.npz"\n')
    with pytest.raises(ProtocolError, match=r"decoder\.start_from: there is no .*saved\.npz; allowed: a saved decoder"):
        load(tmp_path / "mine.toml")
    (tmp_path / "saved.npz").touch()
    protocol = load(tmp_path / "mine.toml")
    assert protocol.decoder.start_from == str((tmp_path / "saved.npz").resolve())
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "other.npz").touch()
    protocol = load(tmp_path / "mine.toml", ["decoder.start_from=other.npz"])
    assert protocol.decoder.start_from == str((tmp_path / "here" / "other.npz").resolve())


def test_a_file_that_a_plugin_reads_is_looked_for_beside_the_protocol(tmp_path, monkeypatch, real_plugins):
    (tmp_path / "mine.toml").write_text(CENTER_OUT + '\n[decoder]\nkind = "linear"\nsettings.file = "matrices.npz"\n')
    with pytest.raises(ProtocolError, match=r"matrices\.npz' does not exist"):
        load(tmp_path / "mine.toml")
    (tmp_path / "matrices.npz").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "other.npz").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert load(tmp_path / "mine.toml").decoder.settings["file"] == str((tmp_path / "matrices.npz").resolve())
    protocol = load(tmp_path / "mine.toml", ["decoder.settings.file=other.npz"])
    assert protocol.decoder.settings["file"] == str((tmp_path / "here" / "other.npz").resolve())


def test_the_settings_of_every_plugin_are_filled_in():
    protocol = load("center_out")
    assert protocol.subject.settings == {"visual_delay_ms": 100.0}
    assert load("center_out", ["decoder.kind=linear"]).decoder.settings == {"m1": 0.0}


def test_a_decoder_that_weighs_all_units_needs_no_map():
    text = CENTER_OUT.replace('population = "horizontal"\ngain = 0.08\n', "")
    text = text.replace('population = "vertical"\ngain = 0.08\n', "")
    protocol = parse(text + '\n[decoder]\nkind = "linear"\n', "p.toml")
    assert [axis.gain for _, axis in protocol.axes.items()] == [1.0, 1.0]
    assert cautions(protocol) == []
