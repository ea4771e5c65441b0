"""Declare once what each tick publishes over LSL: every channel with its unit, its type and the field of the frame.

The publishing loop, the description of the streams, and the rig that receives them follow from this table.
"""

from typing import NamedTuple


class Channel(NamedTuple):
    """Describe a channel as LSL's `desc/channels/channel` does, and name the field of a frame that it carries."""

    label: str
    unit: str
    type: str
    field: str = ""


STATE = (
    Channel("cursor_x", "cm", "Position", "cursor_x_cm"),
    Channel("cursor_y", "cm", "Position", "cursor_y_cm"),
    Channel("velocity_x", "cm/s", "Velocity", "velocity_x_cm_s"),
    Channel("velocity_y", "cm/s", "Velocity", "velocity_y_cm_s"),
    Channel("target_x", "cm", "Position", "target_x_cm"),
    Channel("target_y", "cm", "Position", "target_y_cm"),
    Channel("target_radius", "cm", "Size", "target_radius_cm"),
    Channel("task_state", "code", "State", "state"),
    Channel("reward", "a.u.", "Reward", "reward"),
)
DECODER = (
    Channel("decoded_x", "cm/s", "Velocity", "decoded_x_cm_s"),
    Channel("decoded_y", "cm/s", "Velocity", "decoded_y_cm_s"),
)
MARKERS = (Channel("marker", "", "Marker"),)

# What the kernels copy, in the order of the channels.
STATE_FIELDS = tuple(channel.field for channel in STATE)
DECODER_FIELDS = tuple(channel.field for channel in DECODER)
