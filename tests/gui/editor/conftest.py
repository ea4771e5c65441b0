from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bmi_app.gui.editor.editor_page import EditorPage
from bmi_app.gui.shell.worker import Worker
from protocols.load import SHIPPED_FOLDER
from tests.gui.editor.acting import settled


@pytest.fixture(autouse=True)
def own_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "protocols"
    for module in ("protocols.load", "bmi_app.gui.editor.editor_page", "bmi_app.gui.start.session_form"):
        monkeypatch.setattr(f"{module}.user_folder", lambda: folder)
    return folder


@pytest.fixture
def page(qtbot: Any) -> Iterator[Callable[..., EditorPage]]:
    worker = Worker("edits")

    def show(protocol: str = "center_out") -> EditorPage:
        page = EditorPage(worker)
        qtbot.addWidget(page)
        page.resize(1280, 690)
        page.open(SHIPPED_FOLDER / f"{protocol}.toml")
        page.show()
        qtbot.waitExposed(page)
        settled(qtbot, page)
        return page

    yield show
    worker.close()
