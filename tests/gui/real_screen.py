"""A screen of its own with a mouse and a keyboard: Xvfb and xdotool, for the program as its user has it."""

import itertools
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

MISSING = [program for program in ("Xvfb", "xdotool") if not shutil.which(program)]
WHY_SKIPPED = f"{' and '.join(MISSING)} not installed: sudo apt-get install xvfb xdotool"
_NUMBERS = itertools.count()
PATIENCE_S = 120.0  # only a failing test waits so long; the first engine may have to compile its kernels
SIZE = (1280, 720)
XVFB = ("Xvfb", "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp")


class Screen:
    """Hold an X server, its picture, and whatever runs on it."""

    def __init__(self, folder: Path) -> None:
        reading, writing = os.pipe()
        self._folder = folder
        self._server = subprocess.Popen(
            [*XVFB, "-displayfd", str(writing), "-fbdir", str(folder)],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as said:
            display = f":{said.readline().strip()}"
        self.environment = os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def picture(self) -> np.ndarray:
        """Return what is on the screen, u8[row, column, red green blue], out of the server's own memory."""
        content = (self._folder / "Xvfb_screen0").read_bytes()
        words = struct.unpack(">25I", content[:100])  # XWDFileHeader of X11/XWDFile.h
        header_bytes, width, height, line_bytes, n_colours = words[0], words[4], words[5], words[12], words[19]
        begin = header_bytes + n_colours * 12
        lines = np.frombuffer(content, np.uint8, height * line_bytes, begin).reshape(height, line_bytes)
        return lines[:, : width * 4].reshape(height, width, 4)[:, :, 2::-1]


class Program:
    """Run the program as a process of its own, and see what it shows, by the map that it writes of its widgets."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self._map = folder / f"widgets_{next(_NUMBERS)}.json"
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env=dict(environment) | {"BMI_WIDGET_MAP": str(self._map)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def seen(self, **like: Any) -> list[dict[str, Any]]:
        """Return what is seen now that is like this; of `text` the beginning is enough."""
        try:
            everything = json.loads(self._map.read_text())
        except FileNotFoundError:
            return []
        return [
            widget
            for widget in everything
            if all(
                widget[key].startswith(value) if key in ("text", "window") else widget[key] == value
                for key, value in like.items()
            )
        ]

    def wait_for(self, **like: Any) -> dict[str, Any]:
        """Wait until something like this is seen; return it."""
        found: list[dict[str, Any]] = []

        def is_seen() -> bool:
            found[:] = self.seen(**like)
            return bool(found)

        self.until(is_seen, lambda: f"{like} is not seen")
        return found[0]

    @property
    def drawn_s(self) -> float:
        """When the map was last written: a window that hangs writes none."""
        return self._map.stat().st_mtime if self._map.exists() else 0.0

    def until(self, holds: Callable[[], object], what: Callable[[], str] = lambda: "it did not happen") -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.process.poll() is None, "the program has ended"
            assert time.monotonic() < give_up_s, what()
            time.sleep(0.05)

    def close(self) -> str:
        """End the program; return what it said on standard error."""
        self.process.terminate()
        try:
            _, said = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        return said


class Operator(Program):
    """Find, click and type on a screen as a person would: by what stands there."""

    def __init__(self, screen: Screen, folder: Path, *arguments: str) -> None:
        super().__init__(folder, screen.environment, "-m", "bmi_app.cli.app", *arguments)
        self.screen = screen

    def click(self, at: tuple[float, float] = (0.5, 0.5), button: int = 1, times: int = 1, **like: Any) -> None:
        """Click on something: in its middle, or at this part of its width and height."""
        x, y, width, height = self._settled(like)["rect"]
        place = str(round(x + at[0] * width)), str(round(y + at[1] * height))
        self.screen.xdotool("mousemove", *place, "click", "--repeat", str(times), str(button))

    def _settled(self, like: dict[str, Any]) -> dict[str, Any]:
        """Wait until something stands still: a layout that has just changed would let the mouse miss."""
        before = self.wait_for(**like, enabled=True)
        while True:
            time.sleep(0.2)  # longer than the map's period
            now = self.wait_for(**like, enabled=True)
            if now["rect"] == before["rect"]:
                return now
            before = now

    def focus(self, window: str) -> None:
        """Give the keyboard to a window, as a window manager would."""
        self.until(lambda: self.screen.xdotool("search", "--onlyvisible", "--name", window) != "")
        named = self.screen.xdotool("search", "--onlyvisible", "--name", window).splitlines()[0]
        self.screen.xdotool("windowfocus", "--sync", named)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.screen.xdotool("key", key)

    def write(self, text: str) -> None:
        """Type in place of what stands in the field that has the keyboard."""
        self.press("ctrl+a")
        self.screen.xdotool("type", "--delay", "30", text)

    def choose(self, item: str, **like: Any) -> None:
        """Choose from a list that opens at a click."""
        self.click(**like)
        self.wait_for(kind="row", text=item)
        time.sleep(0.6)  # for as long as a double click may take, a list that has just opened takes no click
        self.click(kind="row", text=item)
        self.until(lambda: not self.seen(kind="row", text=item), lambda: f"the list with {item} stays open")
