"""Send frames and events to the LSL outlets, without the GIL.

Publisher thread only. It follows the heads of the frame and event rings and no other thread waits for it: where it has been lapped,
it goes on with what is left in the ring and counts what it skipped.
"""

import numpy as np
from numba import literal_unroll
from numba.core import types

from bmi_app.rt import cells
from bmi_app.rt.clock import sleep_until
from bmi_app.rt.contracts import events_t, frames_t
from bmi_app.rt.jit import f4_1, f8, i8, i8_1, kernel, part, void
from bmi_app.rt.lsl import local_clock, push_sample_f, push_sample_str
from bmi_app.rt.markers import N_CODES, N_KINDS, WITHHELD
from bmi_app.rt.published import DECODER_FIELDS, STATE_FIELDS
from bmi_app.rt.ring import load, store

SKIPPED_FRAMES = cells.PUBLISHED + 1  # beside the count of what was sent, and this thread's own as well
SKIPPED_EVENTS = cells.PUBLISHED + 2

_SLASH, _MINUS, _ZERO = ord("/"), ord("-"), ord("0")

u1_1 = types.Array(types.uint8, 1, "C")
u1_2 = types.Array(types.uint8, 2, "C")
u1_3 = types.Array(types.uint8, 3, "C")


@part
def _append(text, length, word):
    """Copy the zero-terminated `word` to the end of `text`; return the new length."""
    index = 0
    while word[index] != 0:
        text[length] = word[index]
        length += 1
        index += 1
    return length


@part
def _append_number(text, length, number):
    """Write `/` and a whole number to the end of `text`; return the new length."""
    text[length] = _SLASH
    length += 1
    if number < 0:
        text[length] = _MINUS
        length += 1
        number = -number
    n_digits = 1
    rest = number // 10
    while rest > 0:
        n_digits += 1
        rest //= 10
    for place in range(n_digits):
        text[length + n_digits - 1 - place] = _ZERO + number % 10
        number //= 10
    return length + n_digits


@kernel(i8(i8, i8, f8, u1_2, u1_3, i8_1, u1_1))
def marker_into(kind, code, value, names, words, numbered, text):
    """Write an event's marker into `text`, closed by a zero; return its length.

    Parameters
    ----------
    kind, code, value
        Of the event.
    names, words, numbered
        As `bmi_app.rt.markers.tables` makes them.
    text : uint8[MARKER_BYTES]
    """
    kind = kind if 0 <= kind < N_KINDS else N_KINDS - 1
    length = _append(text, 0, names[kind])
    row = WITHHELD if value == 0.0 and words[kind, WITHHELD, 0] != 0 else code
    if 0 <= row < N_CODES and words[kind, row, 0] != 0:
        length = _append(text, length, words[kind, row])
    elif numbered[kind] != 0:
        length = _append_number(text, length, code)
    text[length] = 0
    return length


@part
def _push_frame(frame, handles, state_sample, decoder_sample):
    """Send one frame to the state and decoder outlets, stamped with the end of its bin."""
    channel = 0
    for field in literal_unroll(STATE_FIELDS):
        state_sample[channel] = frame[field]
        channel += 1  # noqa: SIM113 - numba unrolls no enumerate
    channel = 0
    for field in literal_unroll(DECODER_FIELDS):
        decoder_sample[channel] = frame[field]
        channel += 1  # noqa: SIM113 - numba unrolls no enumerate
    return frame.edge_s


@kernel(void(i8_1, frames_t, events_t, i8_1, f4_1, f4_1, u1_2, u1_3, i8_1, u1_1, i8_1, f8))
def publish_loop(
    ctl, frames, events, handles, state_sample, decoder_sample, names, words, numbered, text, text_address, nap_s
):
    """Send every frame and event, until a stop is asked for, decode has left, and all is sent.

    Parameters
    ----------
    ctl, frames, events
        The session's cells and rings.
    handles : int64[3]
        Outlets of state, decoder and markers.
    state_sample : float32[len(STATE_FIELDS)]
    decoder_sample : float32[len(DECODER_FIELDS)]
    names, words, numbered, text
        As `marker_into` takes them.
    text_address : int64[1]
        Room for the address of `text`: liblsl takes an array of strings.
    nap_s
        How long to sleep when there was nothing to send.
    """
    text_address[0] = text.ctypes.data
    n_frames, n_events = np.int64(0), np.int64(0)
    while True:
        # Read before the heads: whoever sees that decode has left also sees all that it published.
        finished = load(ctl, cells.DECODE_DONE) != 0 and load(ctl, cells.STOP) != 0
        began_s = local_clock()
        frames_head, events_head = load(ctl, cells.FRAMES_HEAD), load(ctl, cells.EVENTS_HEAD)
        while n_frames < frames_head:
            stamp_s = _push_frame(frames[n_frames & (frames.shape[0] - 1)], handles, state_sample, decoder_sample)
            head = load(ctl, cells.FRAMES_HEAD)
            if head - n_frames >= frames.shape[0]:  # overwritten before or while it was read: skip half a ring
                oldest = head - frames.shape[0] // 2
                ctl[SKIPPED_FRAMES] += oldest - n_frames
                n_frames = oldest
                continue
            push_sample_f(handles[0], state_sample.ctypes.data, stamp_s, 1)
            push_sample_f(handles[1], decoder_sample.ctypes.data, stamp_s, 1)
            n_frames += 1
            store(ctl, cells.PUBLISHED, n_frames)
        while n_events < events_head:
            event = events[n_events & (events.shape[0] - 1)]
            stamp_s = event.time_s
            marker_into(event.kind, event.code, event.value, names, words, numbered, text)
            head = load(ctl, cells.EVENTS_HEAD)
            if head - n_events >= events.shape[0]:
                oldest = head - events.shape[0] // 2
                ctl[SKIPPED_EVENTS] += oldest - n_events
                n_events = oldest
                continue
            push_sample_str(handles[2], text_address.ctypes.data, stamp_s, 1)
            n_events += 1
        if finished:
            return
        sleep_until(began_s + nap_s)
