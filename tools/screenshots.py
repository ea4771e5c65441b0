"""Renew the pictures of the window in the guide: the real program, on a screen of its own, handled with a mouse.

    python tools/screenshots.py [FOLDER]     (default: docs/images)

Look at each of them before they are committed.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PyQt6.QtGui import QImage

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.gui.real_screen import SIZE, Operator, Screen  # noqa: E402  (the folder above must be known first)

BMI = [sys.executable, "-m", "bmi_app.cli.app"]
LEARNS = ("learning.when=trial", "decoder.scramble=0.35", "session.duration_s=150")
N_SESSIONS = 3


def save(screen: Screen, path: Path) -> None:
    """Have the window fill the screen, move the mouse out of the way, and save what is seen once that has settled."""
    for window in screen.xdotool("search", "--onlyvisible", "--name", "bmi$|center_out").split():
        screen.xdotool("windowmove", window, "0", "0", "windowsize", window, *map(str, SIZE))
    screen.xdotool("mousemove", *map(str, SIZE))
    time.sleep(2.0)
    picture = np.ascontiguousarray(screen.picture())
    path.parent.mkdir(parents=True, exist_ok=True)
    if not QImage(picture.data, *SIZE, 3 * SIZE[0], QImage.Format.Format_RGB888).save(str(path)):
        raise SystemExit(f"{path}: cannot be written")
    print(path)


def record_some(folder: Path) -> None:
    """Record the sessions that the browser lists."""
    words = [word for key in LEARNS for word in ("--set", key)]
    for seed in range(1, N_SESSIONS + 1):
        run = [*BMI, "run", "center_out", "--speed", "max", "--seed", str(seed), *words]
        subprocess.run([*run, "--out", str(folder), "--json"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(1.1)  # folders are named by the second


def photograph(operator: Operator, screen: Screen, into: Path) -> None:
    """Go through the pages."""
    operator.wait_for(text="✔ Ready")
    operator.choose("center_out", kind="QComboBox", name="protocol")
    operator.choose("lsl", kind="QComboBox", name="driver")
    operator.wait_for(text="✔ Ready")
    save(screen, into / "start_page.png")
    operator.click(text="&Start session")
    operator.wait_for(text="Recording center_out")
    time.sleep(25.0)
    save(screen, into / "first_window.png")
    operator.focus("center_out")
    operator.press("ctrl+q")
    operator.click(text="&Stop the session")
    operator.wait_for(text="Last session: ")
    operator.click(kind="tab", text="Protocol")
    operator.choose("center_out", kind="QComboBox")
    operator.click(kind="tab", text="Task")
    operator.click(name="task.target_radius_cm", at=(0.3, 0.5))
    operator.write("2")
    operator.press("Return")
    operator.click(kind="tab", text="Units")
    operator.wait_for(text="✔ No mistake found. Not saved yet.")
    save(screen, into / "protocol_editor.png")
    photograph_replay(operator, screen, into, ("sessions.png", "replay.png"))


def photograph_replay(operator: Operator, screen: Screen, into: Path, names: tuple[str, str]) -> None:
    """Choose a session in the browser, and replay it with a what-if."""
    first = min(path.name for path in Path(os.environ["BMI_SESSIONS"]).iterdir())
    operator.click(kind="tab", text="Sessions")
    operator.click(kind="row", name="sessions", text=first)
    operator.wait_for(kind="row", name="sessions", text=first, checked=True)
    save(screen, into / names[0])
    operator.click(kind="QPushButton", text="Replay")
    operator.wait_for(text="▶ Play")
    operator.choose("regression", name="what-if: rule")
    operator.click(kind="QPushButton", text="What if")
    operator.wait_for(text="Orange, and dashed")
    operator.click(name="timeline", at=(0.6, 0.5))
    save(screen, into / names[1])


def with_program(screen: Screen, folder: Path, act: Callable[[Operator], None]) -> None:
    """Open the program, do something with it, and close it."""
    operator = Operator(screen, folder, "gui")
    try:
        act(operator)
    except BaseException:
        save(screen, folder.parent / "screenshots_failed.png")
        raise
    finally:
        operator.close()


def main() -> None:
    """Record, photograph in the light, then the last page in the dark."""
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    with tempfile.TemporaryDirectory(prefix="lab_") as name:
        folder = Path(name)
        home = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
        os.environ |= home | {"BMI_SESSIONS": str(folder / "sessions")}
        record_some(folder / "sessions")
        screen = Screen(folder)
        rig = subprocess.Popen([*BMI, "rig", "center_out"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with_program(screen, folder, lambda operator: photograph(operator, screen, into))
            settings = folder / "config" / "bmi_app" / "bmi.conf"
            settings.write_text(settings.read_text() + "\n[appearance]\ntheme=dark\n")
            dark = (str(folder / "sessions_dark.png"), "replay_dark.png")
            with_program(screen, folder, lambda operator: photograph_replay(operator, screen, into, dark))
        finally:
            rig.terminate()
            rig.wait()
            screen.close()


if __name__ == "__main__":
    main()
