"""Let Python's garbage collector look seldom while the program is being loaded.

Loading makes half a million objects, all of which stay. By its default limits the collector looks through them hundreds of times,
which takes a fifth of the time until a session runs.
"""

import gc

_SELDOM = 200_000  # new objects between two looks
_USUAL = gc.get_threshold()


def look_seldom() -> None:
    """Look rarely from now on: for the time of loading, and for commands that end by themselves."""
    gc.set_threshold(_SELDOM, *_USUAL[1:])


def look_as_usual() -> None:
    """Look by Python's own limits again, at nothing that was loaded before: for what runs for hours."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
