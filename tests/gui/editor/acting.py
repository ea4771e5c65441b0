"""Act on the editor as a user does."""

from typing import Any

from PyQt6.QtCore import Qt

from bmi_app.gui.editor.editor_page import EditorPage

CHECK_MS = 300_000


def settled(qtbot: Any, page: EditorPage) -> None:
    def is_checked() -> bool:
        return not page._later.isActive() and page._checks._jobs.empty()

    qtbot.waitUntil(is_checked, timeout=CHECK_MS)  # the first check loads the plugins
    done: list[bool] = []
    page._checks.submit(lambda: True, done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=CHECK_MS)


def tab(page: EditorPage, title: str) -> None:
    titles = [page.form.tabText(index).removesuffix(" ✕") for index in range(page.form.count())]
    page.form.setCurrentIndex(titles.index(title))


def choose(editor: Any, word: str) -> None:
    editor.setCurrentIndex(editor.findData(word))
    editor.activated.emit(editor.currentIndex())


def type_into(qtbot: Any, editor: Any, text: str) -> None:
    editor.setFocus()
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
