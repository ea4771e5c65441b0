"""A serial port is a pseudo-terminal here; its control lines, which it lacks, are recorded where pyserial sets them."""

import os
import select
import threading
import time
from collections.abc import Iterator

import pytest
import serial as pyserial
from pydantic import ValidationError

from bmi_app.outputs.contract import OutputError, OutputEvent
from bmi_app.outputs.serial import Output, Settings

EVENT = OutputEvent(kind="reward", tick=7, time_s=1.0, trial=3, value=1.0)
PATIENCE_S = 10.0


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The device's end as a descriptor, and the path of the other."""
    device, port = os.openpty()
    yield device, os.ttyname(port)
    os.close(device)
    os.close(port)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, float]]:
    """What was done to DTR and RTS, and when."""
    done: list[tuple[str, bool, float]] = []
    for name in ("dtr", "rts"):

        def record(port: pyserial.Serial, name: str = name) -> None:
            done.append((name, getattr(port, f"_{name}_state"), time.monotonic()))

        monkeypatch.setattr(pyserial.Serial, f"_update_{name}_state", record)
    return done


def read(device: int, n_bytes: int) -> bytes:
    """Read exactly `n_bytes` from the device's end."""
    found = b""
    while len(found) < n_bytes:
        assert select.select([device], [], [], PATIENCE_S)[0], f"only {found!r} came"
        found += os.read(device, n_bytes - len(found))
    return found


def test_bytes_arrive_at_the_device(terminal: tuple[int, str]) -> None:
    device, port = terminal
    output = Output(Settings(port=port, bytes_on="0aFF41"))
    output.open()
    output.fire(EVENT)
    output.fire(EVENT)
    assert read(device, 6) == b"\x0a\xffA" * 2
    output.close()


def test_bytes_that_end_a_pulse_follow_after_its_length(terminal: tuple[int, str]) -> None:
    device, port = terminal
    output = Output(Settings(port=port, bytes_on="01", bytes_off="00", pulse_ms=30.0))
    output.open()
    before_s = time.monotonic()
    output.fire(EVENT)
    fired_s = time.monotonic()
    assert read(device, 2) == b"\x01\x00"
    assert time.monotonic() - before_s >= 0.030
    assert fired_s - before_s < 0.030, "fire must not wait for the end of the pulse"
    output.close()


def test_close_ends_the_pulse_that_is_on(terminal: tuple[int, str]) -> None:
    device, port = terminal
    output = Output(Settings(port=port, bytes_on="01", bytes_off="00", pulse_ms=30.0))
    output.open()
    output.fire(EVENT)
    output.close()
    assert read(device, 2) == b"\x01\x00"


@pytest.mark.parametrize("signal", ["dtr", "rts"])
def test_line_is_low_from_the_start_and_pulsed(
    terminal: tuple[int, str], lines: list[tuple[str, bool, float]], signal: str
) -> None:
    output = Output(Settings(port=terminal[1], signal=signal, pulse_ms=20.0))
    output.open()
    assert {on for _, on, _ in lines} == {False}, "a reward pump must not run when its port is opened"
    lines.clear()
    output.fire(EVENT)
    output.close()
    assert [(name, on) for name, on, _ in lines] == [(signal, True), (signal, False)]
    assert lines[1][2] - lines[0][2] >= 0.020


def test_event_during_a_pulse_lengthens_it(terminal: tuple[int, str], lines: list[tuple[str, bool, float]]) -> None:
    output = Output(Settings(port=terminal[1], signal="dtr", pulse_ms=200.0))
    output.open()
    lines.clear()
    output.fire(EVENT)
    output.fire(EVENT)
    output.close()
    assert [on for _, on, _ in lines] == [True, True, False]
    assert lines[2][2] - lines[1][2] >= 0.200


def test_port_without_lines_is_refused(terminal: tuple[int, str]) -> None:
    with pytest.raises(OutputError, match=r"has no DTR line.*signal = 'bytes'"):
        Output(Settings(port=terminal[1], signal="dtr")).open()


def test_missing_port_is_refused() -> None:
    with pytest.raises(OutputError, match=r"no-such-port.*cannot be opened"):
        Output(Settings(port="/dev/no-such-port")).open()


def test_port_in_use_is_refused(terminal: tuple[int, str]) -> None:
    first, second = (Output(Settings(port=terminal[1])) for _ in range(2))
    first.open()
    with pytest.raises(OutputError, match="cannot be opened"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_device_that_takes_nothing_is_an_error_and_not_a_hang(terminal: tuple[int, str]) -> None:
    output = Output(Settings(port=terminal[1], bytes_on="55" * 64))
    output.open()
    until_full = (output.fire(EVENT) for _ in range(10_000))  # nobody reads: the buffer is full long before
    with pytest.raises(OutputError, match="cannot be written"):
        list(until_full)
    output.close()


def test_pulse_that_could_not_be_ended_is_reported(
    terminal: tuple[int, str], lines: list[tuple[str, bool, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(port: pyserial.Serial) -> None:
        if not port._dtr_state:
            ended.set()
            raise OSError("unplugged")

    ended = threading.Event()

    output = Output(Settings(port=terminal[1], signal="dtr", pulse_ms=1.0))
    output.open()
    monkeypatch.setattr(pyserial.Serial, "_update_dtr_state", unplugged)
    output.fire(EVENT)
    assert ended.wait(PATIENCE_S)
    with pytest.raises(OutputError, match=r"could not be ended.*unplugged"):
        output.fire(EVENT)
    output.close()


@pytest.mark.parametrize("digits", ["0", "0g", "0x01", "01 02"])
def test_bytes_are_hexadecimal_digits(digits: str) -> None:
    with pytest.raises(ValidationError, match="bytes_on"):
        Settings(port="x", bytes_on=digits)
