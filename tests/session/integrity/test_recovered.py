"""A recovered session says where it was cut and what it lacks."""

import re
from pathlib import Path

from bmi_app.record import integrity
from bmi_app.session.store import catalogue
from tests.support.command_line import bmi
from tests.support.damage import files


def test_a_recovered_session_says_where_it_was_cut_and_how_long_it_was(copy: Path) -> None:
    """Issue 11, A4: 2:52 that became 0:02 listed as complete."""
    (copy / "summary.json").unlink()
    path = copy / "frames.arrows"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])
    assert integrity.quick(copy).words == "interrupted"
    assert integrity.full(copy).state == "interrupted"
    report = catalogue.recover(copy)
    cut = integrity.minutes((report.last_tick + 1) * 0.01)
    cut = (
        f"recovered, cut at {cut} of at least 0:12"  # the other files reach that far; nothing says that it ended there
    )
    (entry,) = catalogue.entries(copy.parent)
    assert (entry.status, entry.words) == ("recovered", f"{cut}, not checked")
    assert cut in bmi("sessions", "show", str(copy))[1]
    assert f"{cut}, checked 20" in bmi("sessions", "verify", str(copy))[1]


def test_the_length_that_a_summary_gave_is_kept_through_every_recovery(copy: Path) -> None:
    for size in (0.5, 0.7):
        path = copy / "commands.arrows"  # to these the frames are cut
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * size)])
        code, said = bmi("sessions", "recover", str(copy))
        assert code == 0
        words = integrity.quick(copy).words
        assert words.startswith("recovered, cut at 0:0")
        assert " of 0:12, checked 20" in words  # recovery looks at every byte of what it has made
        assert f"standing: {words}" in said
    assert integrity.full(copy).words.startswith(words.removesuffix("not checked"))


def test_nothing_is_said_of_a_length_that_is_not_known(copy: Path) -> None:
    (copy / "summary.json").unlink()
    for name in files(copy):
        if name.endswith(".arrows"):
            (copy / name).write_bytes((copy / name).read_bytes()[:-8])  # the end mark: the engine was killed
    report = catalogue.recover(copy)
    assert (report.last_tick, report.lost) == (1199, {})
    assert integrity.quick(copy).words == "recovered, cut at 0:12, not checked"


def test_a_recovered_session_that_lacks_something_else_says_both(copy: Path) -> None:
    for name in ("commands.arrows", "spikes.arrows"):
        path = copy / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // (2 if "commands" in name else 8)])
    catalogue.recover(copy)
    assert re.fullmatch(
        r"damaged: spikes.arrows from 0:0\d on; recovered, cut at 0:0\d of 0:12", integrity.quick(copy).words
    )
