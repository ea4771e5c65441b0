"""Cut a recovery off at every single operation on the disk, or let that fail, or lose what it had not synced."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bmi_app.record import redo, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.kinds import file_name
from bmi_app.record.recovery import recover
from tests.support.places import ROOT

from .breaking_disk import BreakingDisk, Stopped

Damager = Callable[[Path], object]


def nothing(folder: Path) -> None:
    """The engine was killed between two writes."""


def cut_spikes(folder: Path) -> None:
    """The case that was found: spikes end early, the other files later, none in order."""
    path = folder / file_name("spikes")
    os.truncate(path, path.stat().st_size // 2)


def empty_events(folder: Path) -> None:
    os.truncate(folder / file_name("events"), 0)


def cut_all(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.glob("*.arrows"))):
        os.truncate(path, path.stat().st_size * (number + 4) // 14)


def flip_a_bit(folder: Path) -> None:
    """Of a complete session, whose summary is an original, too."""
    session_folder.write_summary(folder, {"ticks": 12, "stop_reason": "OPERATOR"})
    path = folder / file_name("frames")
    raw = bytearray(path.read_bytes())
    raw[len(raw) * 2 // 3] ^= 4
    path.write_bytes(raw)


class Case:
    """A damaged session, what a recovery makes of it, and as many fresh copies as are wanted at the same place."""

    def __init__(self, folder: Path, damage: Damager, scratch: Path) -> None:
        self.folder, self.scratch = folder, scratch
        damage(folder)
        self._template = scratch / "template"
        shutil.copytree(folder, self._template)
        self.before = contents(folder)
        self.report = recover(folder)
        assert self.report.changed
        self.after = contents(folder)
        assert session_folder.status(folder) == "complete"

    def renew(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self._template, self.folder)
        shutil.rmtree(self.scratch / "attic", ignore_errors=True)

    def check_state(self) -> None:
        """Before the commit the originals stand, and after it the session says that only recovery may act."""
        now = contents(self.folder)
        if redo.is_unfinished(self.folder):
            assert session_folder.status(self.folder) == "recovery unfinished"
        elif any(now.get(name) != content for name, content in self.before.items() if name != ".room"):
            assert {name: now.get(name) for name in self.after} == self.after  # it was carried out

    def check_recovered(self) -> None:
        report = recover(self.folder)
        assert report.last_tick == self.report.last_tick
        if report.changed:
            assert report == self.report
        assert contents(self.folder) == self.after


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def case(recorded, tmp_path: Path) -> Callable[[Damager], Case]:
    def make(damage: Damager) -> Case:
        folder, _ = recorded(12, 6, close=damage is flip_a_bit)
        return Case(folder, damage, tmp_path)

    return make


@pytest.mark.parametrize(
    ("damage", "loss"),
    [
        (nothing, "kill"),
        (flip_a_bit, "kill"),
        (cut_spikes, "power, names written"),
        (empty_events, "power, names lost"),
        (cut_all, "power, names lost"),
    ],
)
def test_a_recovery_may_be_cut_off_at_any_operation(
    case: Callable[[Damager], Case], monkeypatch: pytest.MonkeyPatch, damage: Damager, loss: str
) -> None:
    made = case(damage)
    at, n_commits = 0, 0
    while True:
        made.renew()
        with monkeypatch.context() as patched:
            breaking = BreakingDisk(patched, made.folder, made.scratch / "attic", at)
            try:
                recover(made.folder)
                break
            except Stopped:
                pass
        if loss != "kill":
            breaking.lose_power(names=loss.endswith("lost"))
        made.check_state()
        n_commits += redo.is_unfinished(made.folder)
        made.check_recovered()
        at += 1
    assert at >= 15
    assert n_commits >= 4
    assert not recover(made.folder).changed


def test_a_recovery_that_was_cut_off_may_be_cut_off_again(
    case: Callable[[Damager], Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = case(cut_spikes)
    for at in range(3, 60, 7):
        made.renew()
        for again in (at, 60 - at, 5):
            shutil.rmtree(made.scratch / "attic", ignore_errors=True)
            with monkeypatch.context() as patched:
                BreakingDisk(patched, made.folder, made.scratch / "attic", again)
                try:
                    recover(made.folder)
                except Stopped:
                    made.check_state()
        made.check_recovered()


@pytest.mark.parametrize(("damage", "fails"), [(cut_spikes, "once"), (flip_a_bit, "on")])
def test_a_disk_without_room_is_said_and_costs_nothing(
    case: Callable[[Damager], Case], monkeypatch: pytest.MonkeyPatch, damage: Damager, fails: str
) -> None:
    made = case(damage)
    at, said = 0, []
    while True:
        made.renew()
        with monkeypatch.context() as patched:
            breaking = BreakingDisk(patched, made.folder, made.scratch / "attic", at, fails)
            try:
                recover(made.folder)
            except JournalError as error:
                said.append(str(error))
                if not redo.is_unfinished(made.folder) and fails == "once":
                    assert not list(made.folder.glob("*.new"))  # the disk is as full as it was
            if breaking.count <= at:
                break
        made.check_state()
        made.check_recovered()
        at += 1
    assert len(said) >= 10
    for line in said:
        assert "No space left on device" in line
        assert str(made.folder) in line
        assert "\n" not in line


@pytest.mark.parametrize("name", ["spikes.arrows.new", "summary.json.new", "recovery.json"])
def test_what_is_not_as_it_was_committed_is_never_switched_in(recorded, tmp_path: Path, monkeypatch, name: str) -> None:
    folder, _ = recorded(12, 6, close=False)
    case = Case(folder, nothing, tmp_path)
    case.renew()
    with monkeypatch.context() as patched:
        patched.setattr(redo, "roll_forward", lambda _: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            recover(folder)
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:30] + b"?" + whole[31:])
    damaged = contents(folder)
    with pytest.raises(JournalError, match=r"\*\.damaged"):
        recover(folder)
    assert contents(folder) == damaged
    assert session_folder.status(folder) == "recovery unfinished"
    path.write_bytes(whole)
    case.check_recovered()


def test_a_hundred_real_processes_killed_in_the_midst_of_recovery(recorded, tmp_path: Path) -> None:
    """Kill a process by SIGKILL before each operation; another one recovers, and must come to the same."""
    folder, _ = recorded(12, 6, close=False)
    cut_spikes(folder)
    script = """
        import os, shutil, signal, sys
        from pathlib import Path
        from bmi_app.record import disk
        from bmi_app.record.recovery import recover
        folder, template = Path(sys.argv[1]), Path(sys.argv[2])
        names = ("create", "write", "cut", "sync", "link", "rename", "remove", "sync_folder")
        real = {name: getattr(disk, name) for name in names}
        def contents():
            return {path.name: path.read_bytes() for path in folder.iterdir()}
        def renew():
            shutil.rmtree(folder)
            shutil.copytree(template, folder)
        def killing(at, kills):
            left = [at]
            def wrap(name):
                def operation(*arguments):
                    if left[0] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left[0] -= 1
                    return real[name](*arguments)
                return operation
            for name in names:
                setattr(disk, name, wrap(name))
        recover(folder)
        expected = contents()
        n_killed, at, again = 0, 0, (2, 23)
        for second in again:
            at = 0
            while True:
                renew()
                status = 0
                for number, place in enumerate((at, second)):
                    child = os.fork()
                    if child == 0:
                        killing(place, 0)
                        recover(folder)
                        os._exit(0)
                    status = os.waitpid(child, 0)[1]
                    n_killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
                    if number == 0 and not os.WIFSIGNALED(status):
                        break
                recover(folder)
                found = contents()
                assert found == expected, (at, second, set(found) ^ set(expected))
                if number == 0:
                    break
                at += 1
        print(n_killed)
    """
    template = tmp_path / "template"
    shutil.copytree(folder, template)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder), str(template)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 100
