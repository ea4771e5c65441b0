"""Names of files, streams and other machines are shown as they are written: Qt takes what looks like HTML for HTML."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QPoint, QSettings, Qt
from PyQt6.QtGui import QTextDocumentFragment
from PyQt6.QtWidgets import QApplication, QLabel, QToolTip, QWidget

from bmi_app.gui.browser.result_card import ResultCard
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.main_window import MainWindow
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.shell.plain_label import plain_box, plain_tip
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.start.streams_table import StreamsTable
from bmi_app.record import session_folder
from bmi_app.session.store.standing import Outcome
from bmi_app.session.streams import Stream
from bmi_app.session.view.observer import Phase
from tests.support.places import ROOT

SOURCES = sorted((ROOT / "bmi_app" / "gui").rglob("*.py"))
HOSTILE = ("<b>x</b>", "<img src='file:///etc/hostname'>", "&lt;b>x", "<table><tr><td>1", "a < b & c")


def tipped() -> QLabel:
    """Return the label in which Qt shows a tooltip."""
    found = [widget for widget in QApplication.topLevelWidgets() if widget.inherits("QTipLabel")]
    assert isinstance(found[-1], QLabel)
    return found[-1]


def read(label: QLabel) -> str:
    """Return what a person reads in a label."""
    text = label.text()
    as_html = label.textFormat() == Qt.TextFormat.RichText or (
        label.textFormat() == Qt.TextFormat.AutoText and Qt.mightBeRichText(text)  # type: ignore[attr-defined]
    )
    return QTextDocumentFragment.fromHtml(text).toPlainText() if as_html else text


def all_read(widget: QWidget) -> str:
    return "\n".join(
        read(label) for label in (*widget.findChildren(QLabel), *([widget] if isinstance(widget, QLabel) else []))
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tooltip_shows_a_name_as_it_is_written(qtbot: Any, name: str) -> None:
    QToolTip.showText(QPoint(10, 10), plain_tip(f"{name}\nsource_id: none"))
    shown = tipped()
    assert read(shown) == f"{name}\nsource_id: none"
    QToolTip.hideText()
    assert plain_tip("an ordinary text") == "an ordinary text"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_stream_of_another_machine_is_listed_as_it_calls_itself(qtbot: Any, name: str) -> None:
    table = StreamsTable()
    qtbot.addWidget(table)
    table.show_streams([Stream(name, name, 2, "cf_int32", 0.0, name, name, True, f"not asked for: {name}")])
    for column in range(table.columnCount()):
        QToolTip.showText(QPoint(10, 10), table.item(0, column).toolTip())  # type: ignore[union-attr]
        assert name in read(tipped())
    QToolTip.hideText()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_question_about_a_session_names_it_as_it_is_written(qtbot: Any, name: str) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    box = plain_box(plain_box.__annotations__["icon"].Warning, f"Delete {name} for good?", f"of {name}", window)
    assert f"Delete {name} for good?" in all_read(box)
    assert f"of {name}" in all_read(box)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_session_s_protocol_and_failure_are_read_in_its_window(
    stepped: Any, window: Callable[..., OperatorWindow], name: str
) -> None:
    session = stepped("center_out")
    session.step(20)
    shown = window(session.folder)
    shown.hold()
    shown.attachment.protocol = shown.attachment.protocol.model_copy(update={"name": name})
    shown.notice.show_figures(replace(shown.figures, phase=Phase.RUNNING, decoder_failed=False))
    assert f"Recording {name}" in all_read(shown.notice)
    shown.notice.say(f"The session was ended by a failure: {name}", "alarm")
    assert f"by a failure: {name}" in all_read(shown.notice)
    figures = replace(
        shown.figures, task=name, block=name, signal=replace(shown.figures.signal, alarms=(name,), clock=name)
    )
    shown.status.show_figures(figures)
    for value in ("Block", "Alarm", "Clock"):
        assert read(shown.status.values[value]) == name
    shown.log.say(f"note: {name}")
    assert f"note: {name}" in shown.log.toPlainText()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_populations_legend_marks_colours_only(
    stepped: Any, window: Callable[..., OperatorWindow], name: str
) -> None:
    from bmi_app.gui.widgets.populations import Populations

    session = stepped("center_out")
    shown = window(session.folder)
    raster = shown.live.of(RasterPanel)
    before = raster.selection.populations
    raster.selection.populations = Populations((name, *before.names[1:]), before.keys)
    raster.restyle()
    assert f"■ {name}" in read(raster.legend)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_result_of_a_session_is_read_as_it_is(qtbot: Any, tmp_path: Path, name: str) -> None:
    worker = Worker("test")
    card = ResultCard(worker)
    qtbot.addWidget(card)
    try:
        card.show_outcome(Outcome(tmp_path, "damaged", {"error": name}, words=f"damaged: {name}"))
        assert f"Damaged: {name}" in read(card.text)
        card._tell(tmp_path, f"✕ Not exact: {name}", True, False)
        assert name in read(card.verdict)
    finally:
        worker.close()


def test_a_folder_and_a_label_are_read_as_they_are_in_the_program(
    qtbot: Any, tmp_path: Path, sessions_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "<b>x</b>"
    root = tmp_path / "<i>here<i>"
    monkeypatch.setenv("BMI_SESSIONS", str(root))
    folder = session_folder.create(root, name, {"labels": {"subject": name, "session": name}}, "")
    main = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(main, before_close_func=MainWindow.leave)
    page = main.sessions_page
    main.pages.setCurrentWidget(page)
    main.show()
    qtbot.waitUntil(lambda: page.table.rowCount() == 1, timeout=60_000)
    page.table.selectRow(0)
    qtbot.waitUntil(lambda: str(folder) in page.detail.text())
    assert str(folder) in read(page.detail)
    page.acts.ask_to_remove(folder)
    assert page.acts.question.box is not None
    assert folder.name in all_read(page.acts.question.box)
    page.acts.question.box.reject()


def test_no_text_is_left_to_the_judgement_of_qt() -> None:
    """Labels, questions and tooltips of computed text are made by `plain_label`, also those of panels to come."""
    for path in SOURCES:
        if path.name == "plain_label.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            place = f"{path.name}:{call.lineno}"
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            assert name not in ("QLabel", "QMessageBox", "setTextFormat", "setWhatsThis"), f"{place}: {name}"
            if name == "setToolTip":
                assert is_of_the_program(call.args[-1]), f"{place}: wrap the text in plain_tip"


def is_of_the_program(text: ast.expr) -> bool:
    """Tell whether a text is written in the source, looked up in a constant, or made by a function of that purpose."""
    match text:
        case ast.Constant():
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return is_of_the_program(body) and is_of_the_program(orelse)
        case ast.JoinedStr(values=values):
            return all(
                isinstance(value, ast.Constant)
                or (isinstance(value, ast.FormattedValue) and is_of_the_program(value.value))
                for value in values
            )
        case ast.Name(id=name):
            return name.isupper() or name in PROVEN
        case ast.Call(func=ast.Name(id="plain_tip")):
            return True
        case ast.Call(func=ast.Attribute(value=value)) | ast.Subscript(value=value) | ast.Attribute(value=value):
            return is_of_the_program(value)
    return False


# Made by `_tip` of section_form, which escapes; a word of a tuple; a number; one of two words.
PROVEN = ("tip", "percent", "what")
