"""Test what `bmi doctor` says, of this machine and of worse ones."""

import importlib.metadata
import json
import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from bmi_app import doctor
from bmi_app.doctor import Finding
from bmi_app.record import session_folder
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest

Usage = namedtuple("Usage", ["total", "used", "free"])


def only(findings: list[Finding]) -> Finding:
    [finding] = findings
    return finding


@pytest.mark.realtime
def test_this_machine_can_run_a_session() -> None:
    findings = doctor.run_checks()
    assert len({finding.name for finding in findings}) == len(findings) >= len(doctor._CHECKS)
    assert [finding for finding in findings if finding.status == "fail"] == []
    assert [finding for finding in findings if finding.status != "ok" and not finding.remedy] == []


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_wake_up() -> list[Finding]:
        raise ZeroDivisionError("no clock")

    monkeypatch.setattr(doctor, "_CHECKS", (doctor.check_python, check_wake_up))
    python, broken = doctor.run_checks()
    assert python.name == "Python"
    assert (broken.name, broken.status, broken.detail) == ("wake up", "fail", "ZeroDivisionError: no clock")


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("a", "ok", "fine"), Finding("b", "warn", "so so", "mend it")]
    doctor.render(findings, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "warn"
    assert told["findings"][1] == {"name": "b", "status": "warn", "detail": "so so", "remedy": "mend it"}


def test_the_table_shows_each_finding_and_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.render([Finding("disk", "fail", "[full]", "free some space")])
    shown = capsys.readouterr().out
    assert "fail" in shown
    assert "[full]" in shown  # as it stands, not taken for markup
    assert "-> free some space" in shown


@pytest.mark.parametrize(
    ("statuses", "expected"), [([], "ok"), (["ok", "warn"], "warn"), (["warn", "fail", "ok"], "fail")]
)
def test_the_worst_finding_counts(statuses: list[doctor.Status], expected: str) -> None:
    assert doctor.worst(Finding("x", status, "") for status in statuses) == expected


def test_an_untested_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    finding = only(doctor.check_python())
    assert finding.status == "warn"
    assert "3.11 to 3.13" in finding.remedy


def test_a_missing_package_and_a_different_version_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "numba" else real(name))
    different = only(doctor.check_packages())
    assert different.status == "warn"
    assert "numba 0.1 instead of " in different.detail

    def lacking(name: str) -> str:
        if name == "pyxdf":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", lacking)
    missing = only(doctor.check_packages())
    assert (missing.status, missing.detail) == ("fail", "missing: pyxdf")


def test_a_kernel_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bmi_app.rt.jit

    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setattr(bmi_app.rt.jit, "cache_folder", lambda: in_the_way / "kernels")
    finding = only(doctor.check_kernel_cache())
    assert finding.status == "fail"
    assert str(in_the_way) in finding.detail + finding.remedy


@pytest.mark.parametrize(("free_gib", "expected"), [(0.1, "fail"), (1.0, "warn"), (50.0, "ok")])
def test_a_full_disk_is_named(
    free_gib: float, expected: str, sessions_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, int(free_gib * 2**30)))
    finding = doctor.check_space()[-1]
    assert (finding.name, finding.status) == ("sessions folder", expected)
    assert str(sessions_folder) in finding.detail
    assert bool(finding.remedy) == (expected != "ok")


def test_a_qt_that_cannot_open_a_window_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", os.environ.get("DISPLAY", ":0"))
    monkeypatch.setenv("QT_QPA_PLATFORM", "none-such")
    finding = only(doctor.check_display())
    assert finding.status == "fail"
    assert "none-such" in finding.detail
    assert finding.remedy


@pytest.mark.parametrize(("status", "command"), [("running", "attach"), ("interrupted", "recover")])
def test_a_session_without_an_end_is_named(
    status: str, command: str, sessions_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(doctor.check_sessions()).status == "ok"
    folder = session_folder.create(sessions_folder, "center_out", {}, "")
    monkeypatch.setattr(session_folder, "status", lambda _folder: status)
    finding = only(doctor.check_sessions())
    assert (finding.name, finding.status, finding.detail) == (f"{status} sessions", "warn", folder.name)
    assert command in finding.remedy
    assert folder.name in finding.remedy


@pytest.mark.parametrize("how", ["shorter", "missing", "no session.toml"])
def test_a_damaged_session_is_named(how: str, sessions_folder: Path) -> None:
    """Issue 11, A1: spikes cut in half were `ok`."""
    request = SessionRequest(
        protocol="center_out",
        overrides=["session.duration_s=2"],
        out=sessions_folder,
        speed="max",
        source_timeout_s=1.0,
    )
    folder = Path(run_fast(request, lambda _: None, lambda _: None)["session"])
    assert only(doctor.check_sessions()).status == "ok"
    path = folder / ("session.toml" if how == "no session.toml" else "spikes.arrows")
    if how == "shorter":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    finding = only(doctor.check_sessions())
    kind = "unreadable" if how == "no session.toml" else "damaged"
    assert (finding.name, finding.status) == (f"{kind} sessions", "warn")
    assert finding.detail.startswith(f"{folder.name}: {path.name}{'' if how == 'shorter' else ' is missing'}")
    assert f"bmi sessions verify {folder.name}" in finding.remedy
