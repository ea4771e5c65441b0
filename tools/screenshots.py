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

BMI = [sys.executable, "-m", "bmi_app.cli"]
LEARNS = ("learning.when=trial", "decoder.scramble=0.35", "session.duration_s=150")
NAMES = ("monkey J", "monkey J", "monkey L")


def save(screen: Screen, path: Path) -> None:
    """Save what is on the screen, once it has settled."""
    time.sleep(2.0)
    picture = np.ascontiguousarray(screen.picture())
    QImage(picture.data, *SIZE, 3 * SIZE[0], QImage.Format.Format_RGB888).save(str(path))
    print(path)


def record_some(folder: Path) -> None:
    """Record the sessions that the browser lists."""
    for seed, subject in enumerate(NAMES):
        words = [word for key in LEARNS for word in ("--set", key)]
        run = [*BMI, "run", "center_out", "--speed", "max", "--seed", str(seed + 1), "--subject", subject, *words]
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
    operator.wait_for(text="✔ No mistake found")
    operator.click(kind="tab", text="Units")
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
    operator.click(kind="tab", text="What-if")
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        screen = Screen(folder)
        home = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
        os.environ |= home | {"BMI_SESSIONS": str(folder / "sessions")}
        screen.environment |= os.environ | screen.environment | home | {"BMI_SESSIONS": os.environ["BMI_SESSIONS"]}
        record_some(folder / "sessions")
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
