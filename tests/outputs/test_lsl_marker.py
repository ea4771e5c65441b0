import uuid

import pylsl
import pytest
from pydantic import ValidationError

from bmi_app.outputs.contract import OutputEvent
from bmi_app.outputs.lsl_marker import Output, Settings

PATIENCE_S = 20.0


def test_marker_arrives_with_the_time_of_the_decision() -> None:
    source_id = f"test-{uuid.uuid4()}"
    output = Output(Settings(stream="Pump", source_id=source_id, text="{kind}/{trial}/{value:g}"))
    output.open()
    found = pylsl.resolve_byprop("source_id", source_id, timeout=PATIENCE_S)
    assert (found[0].name(), found[0].type(), found[0].channel_count()) == ("Pump", "Markers", 1)
    inlet = pylsl.StreamInlet(found[0])  # one that recovers still gives out what it has when the source is gone
    inlet.open_stream(PATIENCE_S)
    assert output._outlet is not None
    assert output._outlet.wait_for_consumers(PATIENCE_S)
    output.fire(OutputEvent("reward", tick=5, time_s=12.5, trial=2, value=0.5))
    output.fire(OutputEvent("session", tick=6, time_s=12.75, trial=2, value=0.0))
    output.close()  # nothing that was fired is lost by closing
    assert inlet.pull_sample(PATIENCE_S) == (["reward/2/0.5"], 12.5)
    assert inlet.pull_sample(PATIENCE_S) == (["session/2/0"], 12.75)
    inlet.close_stream()


@pytest.mark.parametrize("text", ["{other}", "{", "{kind.no}", "{0}", "{kind:d}"])
def test_text_names_what_there_is(text: str) -> None:
    with pytest.raises(ValidationError, match=r"may name \{kind\}"):
        Settings(text=text)
