"""Make the session visible to others: three LSL outlets, fed from the frame and event rings by a loop without the GIL.

`BMI-State` (float32, every tick: cursor, velocity, target, task state, reward), `BMI-Decoder` (float32, every tick:
decoded velocity) and `BMI-Markers` (text, irregular: `trial_start/3`, `trial_end/success`, `reward`; `bmi_app.rt.event_kinds` declares them). Samples of a tick
are stamped with the end of its bin, on LSL's local clock.
"""

import os
import re
import secrets
import socket
import time
from collections.abc import Sequence

import numpy as np
from pylsl.lib import cf_float32, cf_string

from bmi_app.rt import markers, publish
from bmi_app.rt.event_kinds import EventKind
from bmi_app.rt.liblsl import pylsl
from bmi_app.rt.lsl import handle_of
from bmi_app.rt.published import DECODER, MARKERS, STATE, Channel
from bmi_app.rt.records import TaskState

MANUFACTURER = "bmi_app"
_LONGEST_NAP_S = 0.002
# Destroying an outlet drops what its sender thread has not yet written; it writes within a scheduling delay.
_LINGER_S = 0.2


class Outlets:
    """Own the three outlets of a session.

    Parameters
    ----------
    session_name
        Begins the source ids (`bmi-<session name>@<unique part>-state`, ...), which hold for as long as this object; a
        receiver finds the session by them, and sessions of the same second and name do not share them.
    tick_s
        Length of a tick; gives the nominal rate.
    prefix
        What the streams' names begin with.
    labels
        Of the events that an operator stamps: a marker carries the name in place of its number.

    Attributes
    ----------
    source_id : str
        Begins those of the three streams, which end in `-state`, `-decoder` and `-markers`.
    """

    def __init__(self, session_name: str, tick_s: float, prefix: str = "BMI-", labels: Sequence[str] = ()) -> None:
        self._labels = labels
        self._nap_s = min(tick_s / 2, _LONGEST_NAP_S)
        rate_hz = 1 / tick_s
        self.source_id = source_id = f"bmi-{session_name}@{unique_part()}"
        state = describe(f"{prefix}State", "BMIState", STATE, rate_hz, cf_float32, f"{source_id}-state")
        states = state.desc().append_child("task_states")
        for code in TaskState:
            states.append_child("task_state").append_child_value("code", str(int(code))).append_child_value(
                "name", code.name.lower()
            )
        decoder = describe(f"{prefix}Decoder", "BMIDecoder", DECODER, rate_hz, cf_float32, f"{source_id}-decoder")
        texts = describe(
            f"{prefix}Markers", "Markers", MARKERS, pylsl.IRREGULAR_RATE, cf_string, f"{source_id}-markers"
        )
        self._outlets = [pylsl.StreamOutlet(info) for info in (state, decoder, texts)]

    def publish(self, ctl: np.ndarray, frames: np.ndarray, events: np.ndarray) -> None:
        """Send every frame and event of the session; return after its last.

        Publisher thread only. Runs without the GIL, until `ctl` says that a stop is asked for and decode has left.
        """
        publish.publish_loop(
            ctl,
            frames,
            events,
            np.array([handle_of(outlet) for outlet in self._outlets], np.int64),
            np.zeros(len(STATE), np.float32),
            np.zeros(len(DECODER), np.float32),
            *markers.tables({EventKind.LABELLED: self._labels}),
            np.zeros(markers.MARKER_BYTES, np.uint8),
            np.zeros(1, np.int64),
            self._nap_s,
        )

    def close(self) -> None:
        """Take the outlets off the network, once their receivers have had time for the last samples.

        `publish` must have returned; may be called twice.
        """
        if any(outlet.have_consumers() for outlet in self._outlets):
            time.sleep(_LINGER_S)
        self._outlets.clear()  # the last references: pylsl destroys the outlets


def unique_part() -> str:
    """Return what no other stream has in its source id: host, process and a random part."""
    host = re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname())
    return f"{host}.{os.getpid()}.{secrets.token_hex(4)}"


def session_of(source_id: str) -> str:
    """Return the name of the session that publishes the states with a source id; older programs' have no unique part."""
    name = source_id.removeprefix("bmi-").removesuffix("-state")
    return name.rpartition("@")[0] or name


def describe(
    name: str, stream_type: str, channels: Sequence[Channel], rate_hz: float, channel_format: int, source_id: str
) -> pylsl.StreamInfo:
    """Describe a stream, with the metadata that XDF's conventions name."""
    info = pylsl.StreamInfo(name, stream_type, len(channels), rate_hz, channel_format, source_id)
    description = info.desc()
    description.append_child("acquisition").append_child_value("manufacturer", MANUFACTURER)
    listed = description.append_child("channels")
    for channel in channels:
        entry = listed.append_child("channel")
        for key, value in channel._asdict().items():
            entry.append_child_value(key, value)
    return info
