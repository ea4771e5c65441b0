"""Name the cells of the control vector `ctl`: one 64-bit word each, a cache line apart.

Each cell has one writer. Counters only grow; the slot of a ring is the counter modulo the ring's length (a power of
two). Readers on other threads use `bmi_app.rt.ring.load`; other processes read through the live file.
"""

_LINE = 8  # words in a cache line of 64 bytes

FRAMES_HEAD = 0 * _LINE  # written by decode: frames, counts and health share it
EVENTS_HEAD = 1 * _LINE  # decode
COMMANDS_HEAD = 2 * _LINE  # decode: commands that have acted
WEIGHTS_HEAD = 3 * _LINE  # decode
SPIKES_HEAD = 4 * _LINE  # acquisition
SPIKES_DECODED = 5 * _LINE  # decode: entries before it have their `tick`
SPIKES_SAVED = 6 * _LINE  # journal: the driver may overwrite entries before it
FRAMES_SAVED = 7 * _LINE  # journal
QUEUE_HEAD = 8 * _LINE  # control: commands waiting
QUEUE_TAIL = 9 * _LINE  # decode: commands taken
STOP = 10 * _LINE  # anyone: a StopReason other than 0 asks every thread to end
DROPPED = 11 * _LINE  # acquisition: ring was full
BAD_VALUES = 12 * _LINE  # acquisition
UNMAPPED = 13 * _LINE  # acquisition
OFFSET = 14 * _LINE  # clock thread: the source's clock offset, the bits of a float64; beside it:
OFFSET_UNCERTAINTY = OFFSET + 1  # within how much it is known (s)
OFFSET_MEASURED = OFFSET + 2  # local clock of its measurement, 0 before the first
OFFSET_RESETS = OFFSET + 3  # the value of CLOCK_RESETS for which it holds
HEARTBEAT = 15 * _LINE  # acquisition: local clock of the last poll, the bits of a float64
SAVED_BYTES = 16 * _LINE  # journal
SYNCED = 17 * _LINE  # sync: local clock of the last fsync, the bits of a float64
DECODE_DONE = 18 * _LINE  # decode: 1 when its loop has left
LAST_ARRIVAL = 19 * _LINE  # acquisition: local clock of the last data, the bits of a float64
PUBLISHED = 20 * _LINE  # publisher: frames sent to the outlets
SOURCE_ENDED = 21 * _LINE  # acquisition: 1 when a finite source has nothing more
HAND = 22 * _LINE  # acquisition: the driver's hand, as `bmi_app.rt.hand` packs it
PERSONS_HAND = 23 * _LINE  # control: the hand that a view tells of; beside it the local clock of when
UPDATES_HEAD = 24 * _LINE  # decode
WORDS_HEAD = 25 * _LINE  # the engine's Python threads, under a lock
CLOCK_RESETS = 26 * _LINE  # acquisition: how often the source's clock may have become another
AHEAD = 27 * _LINE  # acquisition, as the counters below, which HEALTH explains
NO_OFFSET = 28 * _LINE
NO_STAMP = 29 * _LINE
IGNORED = 30 * _LINE
QUIET = 31 * _LINE  # acquisition: how long it has polled in vain since data last came (s), the bits of a float64
GONE = 32 * _LINE  # acquisition: local clock of when the driver said that the source is gone, 0: it did not; float64
EMPTIED = 33 * _LINE  # acquisition: local clock at which the last poll began that found nothing, float64
SAMPLES = 34 * _LINE  # acquisition: samples of a counts stream in the ring so far
QUEUED = 35 * _LINE  # acquisition: samples that the driver still holds, for drivers that know
GAP = 36 * _LINE  # acquisition: local clock of the end of its last long gap, float64
INTERVAL = 37 * _LINE  # engine: nominal interval of a regular source (s), 0: it is none; float64
RHYTHM = 38 * _LINE  # acquisition: the longest interval between arrivals of late (s), float64

_N_SPARE = 8  # for the heads of rings that have no name here
_SPARE = 39 * _LINE
N_WORDS = _SPARE + _N_SPARE * _LINE


def spare(nth: int) -> int:
    """Return a cell for the head of a ring that has no name here, for `bmi_app.rt.rings.RINGS`."""
    if not 0 <= nth < _N_SPARE:
        raise ValueError(
            f"cell {nth} is not spare: allowed are 0 to {_N_SPARE - 1}; raise `_N_SPARE` in bmi_app/rt/cells.py"
        )
    return _SPARE + nth * _LINE
