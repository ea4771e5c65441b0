"""Damage sessions at random, run every session command on each, and judge what the commands do and say.

    python -m tests.support.damaged_sessions [--cases 2000] [--processes 100] [--seed 1] [--workers 2]

Each case is a copy of a recorded session in which one file is cut, emptied, zeroed, flipped, overwritten, swapped or missing. The
commands run in worker processes whose memory is limited; the last ones as real processes. A case fails where a command ends
in a traceback, is killed, takes more than 10 s of processor time or 1 GB, writes what a terminal would obey, or says that damaged
data are intact or exact.
"""

import argparse
import contextlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record.liveness import HEARTBEAT, LOCK
from bmi_app.session.request import SessionRequest
from tests.support.places import unpacked

BASES = ("live-commands", "live-counts-clock-lost", "kalman-rml-trial", "linear-lms-tick")
MEMORY_BYTES = 1 << 30
CPU_S, WALL_S = 10.0, 120.0  # the second for what waits instead of computing
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sessions", "list"),
    ("sessions", "list", "--json"),
    ("sessions", "show", "@"),
    ("sessions", "show", "@", "--updates"),
    ("sessions", "verify", "@", "--json"),
    ("replay", "@", "--verify", "--json"),
    ("replay", "@", "--set", "learning.rate=0.1", "--json"),
    ("fit", "@", "--decoder", "linear", "--json"),
    ("stream", "@"),
    ("attach", "@"),
    ("sessions", "stop", "@"),
    ("sessions", "export", "@", "--json"),
    ("sessions", "recover", "@", "--json"),
    ("sessions", "show", "@"),
    ("sessions", "remove", "@", "--yes"),
)
BOUND = "recorded"  # a session of today's format, whose files are bound to it; older ones are bound by row counts only
_SAYS_WHOLE = {"verify": '"intact": true', "replay": '"exact": true'}
_NO_DATA = {HEARTBEAT, LOCK, "engine.log", ".lock"}  # signs of life, of which nothing is claimed
_OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Failure:
    """Say what a command did on a damaged session."""

    case: int
    damage: str
    command: str
    what: str


def damage_one(folder: Path, other: Path, rng: np.random.Generator) -> str:
    """Damage one file of a session; return what was done, empty where the file is as it was."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _NO_DATA)
    path = files[rng.integers(len(files))]
    before, n = path.read_bytes(), max(path.stat().st_size, 1)
    kinds = (
        "cut",
        "emptied",
        "zeroed",
        "flipped",
        "flipped",
        "overwritten",
        "swapped",
        "exchanged",
        "missing",
        "repeated",
    )
    kind = kinds[rng.integers(len(kinds))]
    content = bytearray(before)
    if kind == "missing":
        path.unlink()
        return f"{path.name} {kind}"
    if kind == "cut":
        del content[rng.integers(n) :]
    elif kind == "emptied":
        content.clear()
    elif kind == "zeroed":
        begin = int(rng.integers(n))
        content[begin : begin + 512] = bytes(len(content[begin : begin + 512]))
    elif kind == "flipped" and content:
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
    elif kind == "overwritten":
        content = bytearray(rng.bytes(n))
    elif kind == "swapped":  # with another file of the session
        swapped = files[rng.integers(len(files))]
        content = bytearray(swapped.read_bytes())
        swapped.write_bytes(before)
    elif kind == "exchanged" and (other / path.relative_to(folder)).is_file():  # with that of another session
        content = bytearray((other / path.relative_to(folder)).read_bytes())
    elif kind == "repeated":
        content += content[-int(rng.integers(1, n + 1)) :]
    path.write_bytes(content)
    return "" if bytes(content) == before else f"{path.name} {kind}"


def judge(arguments: tuple[str, ...], code: int | None, said: str, damage: str) -> str:
    """Return what is wrong with the way in which a command has ended; empty where nothing is."""
    if "Traceback" in said:
        return "traceback: " + said.strip().splitlines()[-1][:300]
    if code is None or code < 0 or code > 2:
        return f"exit code {code}: {said[-200:]}"
    if obeyed := _OBEYED.search(said):
        return f"a terminal would obey {obeyed[0]!r}"
    claim = next((claim for word, claim in _SAYS_WHOLE.items() if word in arguments), None)
    if damage and claim is not None and claim in said:
        return f"says {claim}"
    if damage and arguments[1] in {"list", "show"} and ", checked 2" in said and "recovered" not in said:
        return "calls it checked"
    if damage and arguments[:2] == ("sessions", "export") and code == 0:
        return "exports it as if it were whole"
    return ""


class Cases:
    """Make the damaged sessions, each from its number alone."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root, self._seed = root, seed
        self.originals = root / "originals"
        for name in BASES:
            unpacked(name, self.originals)
        _record(self.originals, BOUND)
        _record(self.originals, "another")

    @contextlib.contextmanager
    def made(self, case: int) -> Iterator[tuple[Path, str, bool]]:
        """Give a damaged session alone in its root, what was done to it, and whether its files are bound to it."""
        rng = np.random.default_rng([self._seed, case])
        base, other = (BASES[k] for k in rng.permutation(len(BASES))[:2])
        if rng.random() < 0.5:
            base, other = BOUND, "another"
        home = Path(tempfile.mkdtemp(prefix="case-", dir=self._root))
        try:
            folder = home / "20260101T000000Z_case"
            shutil.copytree(self.originals / base, folder)
            yield folder, damage_one(folder, self.originals / other, rng), base == BOUND
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _record(root: Path, name: str) -> None:
    """Record a session of 3 s on the simulated rig."""
    from bmi_app.session.engine.full_speed import run_fast

    request = SessionRequest(
        protocol="center_out",
        overrides=["session.duration_s=3", "learning.when=tick", f"session.seed={len(name)}"],
        out=root,
        speed="max",
        source_timeout_s=1.0,
    )
    Path(run_fast(request, lambda _: None, lambda _: None)["session"]).rename(root / name)


def run_here(arguments: tuple[str, ...]) -> tuple[int | None, str]:
    """Run a command in this process; return its exit code and all that it said."""
    from bmi_app.cli import app

    said = io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = said
    try:
        app.main(list(arguments))
        code: int | None = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is a failure of the command
        traceback.print_exc(file=said)
        code = None
    finally:
        sys.stdout, sys.stderr = before
    return code, said.getvalue()


def check_case(cases: Cases, case: int, *, apart: bool = False) -> list[Failure]:
    """Run every command on one case: in this process, or each in one of its own."""
    failures = []
    with cases.made(case) as (folder, damage, is_bound):
        os.environ["BMI_SESSIONS"] = str(folder.parent)
        for command in COMMANDS:
            arguments = tuple(str(folder) if part == "@" else part for part in command)
            if apart and "stream" in arguments and damage == "":
                continue  # a whole session would wait for a consumer
            code, said = _run_apart(arguments) if apart else _run_limited(arguments)
            what = judge(arguments, code, said, damage if is_bound else "")
            if what:
                failures.append(Failure(case, damage, " ".join(command), what))
    return failures


def _run_limited(arguments: tuple[str, ...]) -> tuple[int | None, str]:
    signal.setitimer(signal.ITIMER_PROF, CPU_S)  # ends the process, which its parent tells
    signal.setitimer(signal.ITIMER_REAL, WALL_S)
    try:
        return run_here(arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _run_apart(arguments: tuple[str, ...]) -> tuple[int | None, str]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bmi_app", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=5.0 if "stream" in arguments else WALL_S,
        )
    except subprocess.TimeoutExpired:
        return (0, "") if "stream" in arguments else (None, "did not end")  # a stream waits for a consumer
    return done.returncode, done.stdout.decode(errors="replace")


def prepare_here() -> None:
    """Import what commands need, take out what would wait or start a process, and limit this process's memory."""
    from bmi_app.record import nwb, nwb_process, recovery  # noqa: F401
    from bmi_app.session.recompute import fit, replay  # noqa: F401
    from bmi_app.session.sources import recording_stream as streaming

    nwb_process.export_apart = nwb.export
    streaming.stream = lambda source, **_: streaming._plan(source, False)  # type: ignore[assignment,return-value]


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))


def _work(root: Path, seed: int, first: int, last: int) -> None:
    """Check cases one after the other, a line of JSON for each: what fails, or an empty list."""
    prepare_here()
    cases = Cases(root, seed)
    run_here(("sessions", "show", str(cases.originals / BASES[0])))
    run_here(("sessions", "export", str(cases.originals / BASES[0]), "--out", str(root)))
    run_here(("replay", str(cases.originals / BASES[0]), "--verify"))
    _limit_memory()
    for case in range(first, last):
        print(json.dumps({"begun": case}), flush=True)
        failures = check_case(cases, case)
        peak = _peak_bytes()
        if peak > MEMORY_BYTES:
            failures.append(Failure(case, "", "all", f"{peak >> 20} MB"))
        print(json.dumps({"failures": [asdict(failure) for failure in failures]}), flush=True)


def _peak_bytes() -> int:
    """Return the most memory that this process has used. Not `ru_maxrss`: that begins with what the process that started it had."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def check_cases(root: Path, seed: int, first: int, last: int) -> list[Failure]:
    """Let worker processes check a range of cases; one that dies names its case, and the next goes on behind it."""
    failures: list[Failure] = []
    while first < last:
        home = root / f"worker-{first}"
        home.mkdir()
        command = [
            sys.executable,
            "-m",
            "tests.support.damaged_sessions",
            "--work",
            str(home),
            str(seed),
            str(first),
            str(last),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun = first - 1
        assert process.stdout is not None
        for line in process.stdout:
            found: dict[str, Any] = json.loads(line)
            begun = found.get("begun", begun)
            failures += [Failure(**failure) for failure in found.get("failures", ())]
            if begun % 100 == 0 and "failures" in found:
                print(f"case {begun}: {len(failures)} failures so far", file=sys.stderr, flush=True)
        _, said = process.communicate()
        shutil.rmtree(home, ignore_errors=True)
        if process.returncode == 0:
            break
        failures.append(Failure(begun, "", "all", f"the worker ended with {process.returncode}: {said[-300:]}"))
        first = max(begun, first) + 1
    return failures


def main() -> int:
    """Run the whole; return 1 where anything failed."""
    from concurrent.futures import ThreadPoolExecutor

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", nargs=4)
    given = parser.parse_args()
    if given.work:
        root, *numbers = given.work
        _work(Path(root), *map(int, numbers))
        return 0
    with tempfile.TemporaryDirectory(prefix="bmi-fuzz-") as name:
        root = Path(name)
        bounds = np.linspace(0, given.cases, given.workers + 1).astype(int).tolist()
        with ThreadPoolExecutor(given.workers) as pool:
            parts = pool.map(lambda k: check_cases(root, given.seed, bounds[k], bounds[k + 1]), range(given.workers))
            failures = [failure for part in parts for failure in part]
        cases = Cases(root / "apart", given.seed)
        n_apart = -(-given.processes // len(COMMANDS))
        for case in range(given.cases, given.cases + n_apart):
            failures += check_case(cases, case, apart=True)
    for failure in failures:
        print(f"case {failure.case} ({failure.damage}): {failure.command}: {failure.what}")
    n_runs = given.cases * len(COMMANDS)
    print(
        f"{given.cases} damaged sessions, {n_runs} commands, {n_apart * len(COMMANDS)} processes: {len(failures)} failures"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
