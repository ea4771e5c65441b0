"""What holds for every output that ships."""

from types import ModuleType

import pytest
from pydantic import ValidationError

from bmi_app.outputs import lsl_marker, null, serial
from bmi_app.outputs.contract import OutputError, OutputEvent

EVENT = OutputEvent(kind="reward", tick=7, time_s=1.0, trial=3, value=0.5)
MODULES = [(null, {}), (lsl_marker, {}), (serial, {"port": "/dev/there-is-no-such-port"})]


@pytest.mark.parametrize(("module", "settings"), MODULES)
def test_settings_are_frozen_and_know_their_keys(module: ModuleType, settings: dict) -> None:
    with pytest.raises(ValidationError):
        module.Settings(**settings, no_such_key=1)
    made = module.Settings(**settings)
    for name in module.Settings.model_fields:
        with pytest.raises(ValidationError):
            setattr(made, name, getattr(made, name))


@pytest.mark.parametrize(("module", "settings"), MODULES)
def test_close_needs_no_open_and_may_come_twice(module: ModuleType, settings: dict) -> None:
    output = module.Output(module.Settings(**settings))
    output.close()
    output.close()
    if module is not null:
        with pytest.raises(OutputError, match="not open"):
            output.fire(EVENT)


def test_null_fires_in_any_state_and_keeps_nothing() -> None:
    output = null.Output(null.Settings())
    before = dict(vars(output))
    for do in (output.open, lambda: output.fire(EVENT), output.close, lambda: output.fire(EVENT)):
        assert do() is None
    assert vars(output) == before


@pytest.mark.parametrize(("module", "settings"), MODULES[1:])
def test_fire_without_open_is_an_output_error(module: ModuleType, settings: dict) -> None:
    with pytest.raises(OutputError, match="not open"):
        module.Output(module.Settings(**settings)).fire(EVENT)
