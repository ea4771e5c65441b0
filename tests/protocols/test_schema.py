"""What a protocol answers, and what must hold for any of them."""

from collections.abc import Iterator

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from protocols.durations import whole_ticks
from protocols.load import SHIPPED_FOLDER, load, parse
from protocols.problems import ProtocolError
from protocols.schema import MODEL_VERSION, Protocol
from protocols.signal import Units
from protocols.toml_lines import find_key_lines
from protocols.units import format_units, parse_population, resolve_populations
from protocols.wording import inner_type

SHIPPED_TEXT = (SHIPPED_FOLDER / "center_out.toml").read_text()

# The stand-ins for plugins are the same for every example.
same_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)


def fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        yield f"{model.__name__}.{name}", info
        inner, _ = inner_type(info.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner)


@pytest.mark.parametrize(("name", "info"), list(fields(Protocol)))
def test_a_field_is_described_and_a_required_one_has_an_example_that_fits(name, info):
    assert info.description, name
    if info.is_required():
        assert info.examples, name
        TypeAdapter(info.annotation).validate_python(info.examples[0])
    suffixes = {"_ms": "ms", "_cm_s": "cm/s", "_per_s": "1/s", "_s": "s", "_cm": "cm", "_deg": "deg"}
    unit = next((unit for suffix, unit in suffixes.items() if name.endswith(suffix)), None)
    if unit is not None:
        assert isinstance(info.json_schema_extra, dict), name
        assert info.json_schema_extra["unit"] == unit


def test_a_protocol_cannot_be_changed():
    protocol = load("center_out")
    with pytest.raises(ValidationError):
        protocol.task.hold_ms = 3.0


# Populations


@st.composite
def ranges(draw):
    """Draw the text of a population and, by brute force, the units it names."""
    parts, units = [], []
    for _ in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, 60))
        last = draw(st.integers(first, 63))
        spaces = draw(st.sampled_from(["", " "]))
        parts.append(f"{first}{spaces}-{spaces}{last}" if draw(st.booleans()) or last > first else f"{first}")
        units += range(first, last + 1)
    return draw(st.sampled_from([",", ", "])).join(parts), units


@given(ranges())
def test_a_population_is_the_set_of_units_that_its_text_names(drawn):
    text, units = drawn
    if len(set(units)) < len(units):
        with pytest.raises(ValueError, match="named twice"):
            parse_population(text)
    else:
        assert parse_population(text) == tuple(sorted(set(units)))
        assert parse_population(tuple(units)) == parse_population(text)


@given(st.sets(st.integers(0, 63), min_size=1))
def test_units_are_written_as_they_are_read(units):
    text = format_units(sorted(units)).removeprefix("units ").removeprefix("unit ")
    assert parse_population(text) == tuple(sorted(units))


@given(st.lists(st.sampled_from("abn"), min_size=64, max_size=64))
def test_rest_is_every_unit_that_no_other_population_names(owners):
    named = {name: tuple(unit for unit, owner in enumerate(owners) if owner == name) for name in "ab"}
    specs = {"r": "rest", **{name: units for name, units in named.items() if units}}
    rest = resolve_populations(specs, 64)["r"]
    assert rest == tuple(unit for unit, owner in enumerate(owners) if owner == "n")


# Units


@given(
    first_channel=st.integers(0, 3),
    first_unit=st.integers(0, 2),
    units_per_channel=st.integers(1, 4),
    count=st.integers(1, 20),
)
def test_a_map_by_channel_and_unit_agrees_with_the_table_of_its_pairs(
    first_channel, first_unit, units_per_channel, count
):
    pairs = [
        (first_channel + index // units_per_channel, first_unit + index % units_per_channel) for index in range(count)
    ]
    table = Units(count=count, map="table", table=tuple(pairs))
    formula = Units(
        count=count,
        map="channel_unit",
        first_channel=first_channel,
        first_unit=first_unit,
        units_per_channel=units_per_channel,
    )
    for channel in range(-1, 26):
        for unit in range(-1, 8):
            assert formula.index(channel, unit) == table.index(channel, unit)


def test_a_map_by_channel_ignores_the_sorted_unit():
    units = Units(count=4, first_channel=1)
    assert [units.index(channel, 7) for channel in range(6)] == [None, 0, 1, 2, 3, None]


# Durations


@given(ticks=st.integers(0, 10**7), period_ms=st.sampled_from([1, 2.5, 10, 0.1, 45, 33.3]))
def test_a_multiple_of_the_tick_is_one_however_it_is_rounded(ticks, period_ms):
    duration_ms = float(f"{ticks * period_ms:.6f}")
    assert whole_ticks(duration_ms, float(period_ms)) == ticks
    assert whole_ticks(float(f"{ticks * period_ms / 1000:.9f}"), float(period_ms), 1000) == ticks
    assert whole_ticks(duration_ms + period_ms / 2, float(period_ms)) is None


# Round trip


@st.composite
def documents(draw):
    """Draw a protocol file that is right."""
    period_ms = draw(st.sampled_from([1, 2.5, 10, 45]))

    def ticks(least):
        return draw(st.integers(least, 500)) * period_ms

    def flag():
        return draw(st.booleans())

    count = draw(st.integers(4, 12))
    half = count // 2
    document = {
        "format": 1,
        "name": draw(st.text(min_size=1, max_size=8)),
        "title": draw(st.text(max_size=30)),
        "tick": {"period_ms": period_ms, "source": draw(st.sampled_from(["clock", "stream"]))},
        "units": {"count": count},
        "populations": {"a": f"0-{half - 2}", "b": [half - 1], "c": "rest"},
        "axes": {"x": {"push": "a", "pull": "b", "gain": draw(st.floats(0.001, 10))}},
        "learning": {"when": draw(st.sampled_from(["off", "tick", "trial", "reward"]))},
        "blocks": [
            {"kind": "rest", "duration_s": draw(st.integers(1, 50)) * 9},
            {"kind": "observation", "trials": 3, "assist": [1, draw(st.floats(0, 1))]},
            {"kind": "closed_loop", "learning": flag(), "assist": draw(st.floats(0, 1))},
        ],
        "task": {
            "target_radius_cm": draw(st.floats(0.1, 2)),
            "hold_ms": ticks(0),
            "timeout_ms": 501 * period_ms,
            "inter_trial_ms": ticks(0),
            "reward_probability": draw(st.floats(0, 1)),
        },
    }
    patterns = [
        {"pattern": "ring", "count": 2, "distance_cm": draw(st.floats(0, 7)), "first_angle_deg": 180},
        {"pattern": "list", "positions_cm": [[draw(st.floats(-7, 7)), 0] for _ in range(3)]},
        {"pattern": "uniform", "margin_cm": draw(st.floats(2, 7))},
    ]
    document["task"].update(draw(st.sampled_from(patterns)))
    if flag():
        document["units"] |= {"map": "table", "table": [[index, 1] for index in range(count)]}
    if flag():
        document["outputs"] = [{"on": "reward", "kind": "lsl_marker", "settings": {"label": draw(st.text())}}] * 2
    if flag():
        document["session"] = {"seed": draw(st.integers(0, 2**63 - 1)), "duration_s": draw(st.integers(1, 10**5)) * 9}
    return document


@same_fixtures
@given(documents())
def test_a_resolved_protocol_loads_back_equal(document):
    protocol = parse(tomlkit.dumps(document), "drawn")
    text = protocol.to_toml()
    assert parse(text, "written") == protocol
    assert parse(text, "written").to_toml() == text


@same_fixtures
@given(documents())
def test_every_key_of_a_written_protocol_has_its_line(document):
    text = parse(tomlkit.dumps(document), "drawn").to_toml()
    # Only "\n" ends a line of TOML; splitlines would take others of Unicode for one.
    lines = text.split("\n")
    for key, line in find_key_lines(text).items():
        last = key.split(".")[-1]
        assert last.isdecimal() or last in lines[line - 1]
    assert {f"task.{key}" for key in document["task"]} <= set(find_key_lines(text))


# The version of the model


def test_a_new_protocol_has_the_newest_model_and_a_recorded_one_its_own():
    text = SHIPPED_TEXT
    assert "model_version" not in text
    assert parse(text, "p.toml").model_version == MODEL_VERSION == 2
    assert load("center_out").model_version == MODEL_VERSION
    resolved = load("center_out").to_toml()
    assert Protocol.of_session(resolved).model_version == MODEL_VERSION
    assert parse(resolved, "p.toml", recorded=True).model_version == MODEL_VERSION
    of_before = "\n".join(line for line in resolved.splitlines() if not line.startswith("model_version"))
    assert Protocol.of_session(of_before).model_version == 1
    assert parse(of_before, "p.toml", recorded=True).model_version == 1
    assert parse(of_before, "p.toml").model_version == MODEL_VERSION  # a new session by an old one's protocol


@pytest.mark.parametrize("version", [0, MODEL_VERSION + 1])
def test_a_model_that_this_program_does_not_know_is_refused(version):
    with pytest.raises(ProtocolError, match="model_version"):
        parse(f"model_version = {version}\n{SHIPPED_TEXT}", "p.toml")


def test_a_source_that_needs_no_network_gets_no_outlets_unless_told() -> None:
    for driver, publishes in (("simulated", False), ("replay", False), ("lsl", True)):
        driven = [f"driver.kind={driver}", *(['driver.settings.path="x"'] if driver == "replay" else [])]
        assert load("center_out", driven).outlets.publish is publishes
        for told in (True, False):
            assert load("center_out", [*driven, f"outlets.publish={str(told).lower()}"]).outlets.publish is told
