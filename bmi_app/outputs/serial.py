"""Send bytes, or a TTL pulse on a control line, through a serial port: a reward pump, a recording system's sync input.

A pulse has a beginning and an end. `fire` makes the beginning and returns; a thread of this output makes the end, so
that no event waits for the length of a pulse. An event during a pulse lengthens it.

Opening a port raises DTR and RTS for a moment in most operating systems' drivers, before any program can lower them: a
device that a pulse could harm belongs on bytes.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Literal

import serial
import serial.tools.list_ports
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.outputs.contract import OutputError, OutputEvent
from bmi_app.traits import OutputTraits

_WRITE_TIMEOUT_S = 0.2  # a port that takes nothing for so long is broken, and other outputs wait
_HEX = r"^([0-9A-Fa-f]{2}){0,64}$"


class Settings(BaseModel):
    """Say which port, and what a pulse is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: str = Field(min_length=1, description="Port: /dev/ttyUSB0, COM3, ...", examples=["/dev/ttyUSB0"])
    baudrate: int = Field(115_200, gt=0, le=4_000_000, description="Speed of the port (baud).")
    signal: Literal["bytes", "dtr", "rts"] = Field("bytes", description="Send bytes, or raise one of the port's lines.")
    bytes_on: str = Field("01", pattern=_HEX, description="What begins a pulse, as hexadecimal digits, for `bytes`.")
    bytes_off: str = Field("", pattern=_HEX, description="What ends a pulse, likewise; empty: nothing does.")
    pulse_ms: float = Field(10.0, gt=0, le=10_000, description="Length of the pulse.", json_schema_extra={"unit": "ms"})


def why_not(settings: Settings) -> str:
    """Say why the port cannot be opened, without opening it, which would raise its lines; empty where it may be."""
    port = settings.port
    if sys.platform == "win32":
        there = sorted(found.device for found in serial.tools.list_ports.comports())
        return (
            "" if port.upper() in there else f"serial: there is no port {port}; there are: {', '.join(there) or 'none'}"
        )
    if not Path(port).exists():
        return f"serial: there is no port {port}; is the device connected?"
    if not os.access(port, os.R_OK | os.W_OK):
        return f"serial: {port} may not be written to by this user"
    return ""


class Output:
    """Drive one serial port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._port: serial.Serial | None = None
        self._changed = threading.Condition()  # guards all that follows
        self._lower_at_s: float | None = None  # while a pulse is on
        self._closing = False
        self._failure = ""
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the port with its lines low.

        Raises
        ------
        OutputError
            If there is no such port, it is in use, or it lacks the line.
        """
        self.close()
        settings = self._settings
        port = serial.Serial(baudrate=settings.baudrate, write_timeout=_WRITE_TIMEOUT_S, exclusive=True)
        port.port = settings.port
        port.dtr = port.rts = False  # else pyserial raises both
        try:
            port.open()
        except (OSError, ValueError) as error:
            raise OutputError(
                f"serial: {settings.port}: cannot be opened ({error}); check that it exists, that nothing else uses it "
                "and that you may write to it"
            ) from error
        self._port, self._closing, self._failure = port, False, ""
        if settings.signal != "bytes":
            try:
                self._set_on(False)
            except OSError as error:
                self.close()
                raise OutputError(
                    f"serial: {settings.port}: has no {settings.signal.upper()} line ({error}); set signal = 'bytes'"
                ) from error
        if settings.signal != "bytes" or settings.bytes_off:
            self._thread = threading.Thread(target=self._end_pulses, name=f"pulse {settings.port}", daemon=True)
            self._thread.start()

    def fire(self, event: OutputEvent) -> None:
        """Begin a pulse, or lengthen the one that is on.

        Raises
        ------
        OutputError
            If the port does not take it, or the last pulse could not be ended.
        """
        with self._changed:
            if self._port is None:
                raise OutputError(f"serial: {self._settings.port}: is not open")
            if self._failure:
                raise OutputError(self._failure)
            try:
                self._set_on(True)
            except OSError as error:  # pyserial's errors are OSErrors
                raise OutputError(
                    f"serial: {self._settings.port}: cannot be written to ({error}); check the cable"
                ) from error
            self._lower_at_s = time.monotonic() + self._settings.pulse_ms / 1e3
            self._changed.notify()

    def close(self) -> None:
        """End the pulse that is on, when it is over, and close the port."""
        if self._thread is not None:
            with self._changed:
                self._closing = True
                self._changed.notify()
            self._thread.join()
            self._thread = None
        if self._port is not None:
            self._port.close()
            self._port = None

    def _end_pulses(self) -> None:
        with self._changed:
            while self._lower_at_s is not None or not self._closing:
                if self._lower_at_s is None:
                    self._changed.wait()
                    continue
                rest_s = self._lower_at_s - time.monotonic()
                if rest_s > 0:
                    self._changed.wait(rest_s)
                    continue
                self._lower_at_s = None
                try:
                    self._set_on(False)
                except OSError as error:
                    self._failure = f"serial: {self._settings.port}: the last pulse could not be ended ({error})"

    def _set_on(self, on: bool) -> None:
        assert self._port is not None
        if self._settings.signal == "dtr":
            self._port.dtr = on
        elif self._settings.signal == "rts":
            self._port.rts = on
        else:
            self._port.write(bytes.fromhex(self._settings.bytes_on if on else self._settings.bytes_off))


TRAITS = OutputTraits(needs_network=False, why_not=why_not)
