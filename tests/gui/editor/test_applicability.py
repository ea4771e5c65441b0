"""Which keys of a protocol are offered in the form, and what is said of those that have no effect."""

from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from bmi_app import plugins
from bmi_app.gui.editor import applicability
from bmi_app.gui.editor.applicability import why_not
from protocols.schema import Protocol
from protocols.signal import Axis
from protocols.wording import inner_type


@given(
    st.sampled_from(["task.count", "blocks.3.trials", "axes.y.push", "decoder.scramble_seed", "units.table", "name"]),
    st.dictionaries(
        st.sampled_from(["pattern", "kind", "duration_s", "population", "scramble", "map"]),
        st.sampled_from(["ring", "rest", "closed_loop", "table", 0.0, 0.5, None]),
    ),
)
def test_reasons_are_given_for_any_table(key: str, table: dict[str, Any]) -> None:
    reason = why_not(key, table.get)
    expected = {
        "task.count": table.get("pattern") == "ring",
        "blocks.3.trials": table.get("kind") == "closed_loop" and table.get("duration_s") is None,
        "axes.y.push": table.get("population") is None,
        "decoder.scramble_seed": bool(table.get("scramble")),
        "units.table": table.get("map") == "table",
        "name": True,
    }
    assert (reason == "") == expected[key], reason


def test_every_key_with_a_condition_exists() -> None:
    """A key that is renamed must not be offered for ever, or never."""
    tables = {name: inner_type(info.annotation)[0] for name, info in Protocol.model_fields.items()}
    tables["axes"] = Axis
    for key in [*applicability._ONLY_WITH, *applicability._NOT_BOTH, *applicability._NEEDS]:
        table, _, name = key.partition(".")
        fields = tables[table].model_fields
        assert name in fields, key
        beside, words = applicability._ONLY_WITH.get(key, (name, ()))
        assert beside in fields, key
        is_plugin = "plugin" in (fields[beside].json_schema_extra or {})
        allowed = plugins.names("drivers") if is_plugin else get_args(inner_type(fields[beside].annotation)[0])
        assert set(words) <= set(allowed), key
        assert {*applicability._NOT_BOTH.get(key, ()), applicability._NEEDS.get(key, name)} <= set(fields), key
