"""Colours are read well, and are told apart by every eye, in the light and in the dark."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QRect, QSettings
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QWidget

from bmi_app.gui import main_window
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.main_window import MainWindow
from bmi_app.gui.shell import appearance as appearances
from bmi_app.gui.shell.appearance import Appearance, choose, chosen, fill_menu, palette, show
from bmi_app.gui.shell.theme import notice_colours, population_colours, readable_on, theme_of
from bmi_app.gui.widgets.plots import Plot

LINEAR_FROM_SRGB = 0.04045
# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009),
# severity 1: how linear red, green and blue are seen.
BLIND = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TOLD_APART = 12.0  # of CIE 1976 colour difference; 2.3 is what is just noticed side by side


def linear(colour: QColor) -> np.ndarray:
    parts = np.array(colour.getRgbF()[:3])
    return np.where(parts <= LINEAR_FROM_SRGB, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: QColor, other: QColor) -> float:
    """WCAG 2.1, contrast ratio."""
    low, high = sorted(float(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: QColor, eye: str) -> np.ndarray:
    """CIE 1976 L*a*b*, D65, of what an eye sees."""
    seen = np.clip(BLIND[eye] @ linear(colour), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    ratio = xyz / (0.9505, 1.0, 1.089)
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.fixture(autouse=True)
def _kept_palette(qapp: QApplication) -> Iterator[None]:
    before = qapp.palette()
    yield
    qapp.setPalette(before)


@pytest.mark.parametrize("shown", [Appearance.LIGHT, Appearance.DARK])
def test_every_text_is_read_well(shown: Appearance) -> None:
    colours = palette(shown)
    role = QPalette.ColorRole
    for text, back in (
        (role.WindowText, role.Window), (role.Text, role.Base), (role.Text, role.AlternateBase),
        (role.ButtonText, role.Button), (role.ToolTipText, role.ToolTipBase),
    ):  # fmt: skip
        assert contrast(colours.color(text), colours.color(back)) > 7.0, (text, back)
    for text, back in (
        (role.HighlightedText, role.Highlight),
        (role.Link, role.Base),
        (role.PlaceholderText, role.Base),
    ):
        assert contrast(colours.color(text), colours.color(back)) > 3.5, (text, back)
    faded = colours.color(QPalette.ColorGroup.Disabled, role.WindowText)
    assert contrast(faded, colours.color(role.Window)) > 2.5  # it cannot be used, and can still be read
    theme = theme_of(colours)
    assert theme.is_dark == (shown == Appearance.DARK)
    for said in (theme.held, theme.failed):  # as text
        assert contrast(said, colours.color(role.Window)) > 3.0
    for drawn in (theme.cursor, theme.target, theme.held, theme.failed):
        least = 3.0 if drawn != theme.target else 2.0  # a target is filled, and has a rim
        assert contrast(drawn, theme.workspace) > least, drawn.name()
    for level in ("calm", "good", "warning", "alarm"):
        back_name, text_name = notice_colours(level, theme)
        assert contrast(QColor(back_name), QColor(text_name)) > 3.0, level
    for colour in population_colours(6, theme.is_dark):
        assert contrast(colour, readable_on(colour)) > 3.0


@pytest.mark.parametrize("shown", [Appearance.LIGHT, Appearance.DARK])
@pytest.mark.parametrize("eye", BLIND)
def test_every_eye_tells_populations_and_outcomes_apart(shown: Appearance, eye: str) -> None:
    theme = theme_of(palette(shown))
    for n_populations in (2, 3, 4):
        colours = population_colours(n_populations, theme.is_dark)[1:]
        for one, other in itertools.combinations(colours, 2):
            apart = float(np.linalg.norm(lab(one, eye) - lab(other, eye)))
            assert apart > TOLD_APART, (n_populations, one.name(), other.name())
    for one, other in itertools.combinations((theme.cursor, theme.target, theme.held, theme.failed), 2):
        if {one.name(), other.name()} == {theme.target.name(), theme.failed.name()}:
            continue  # a target is a filled disc; a failure is a cross, or a word
        assert float(np.linalg.norm(lab(one, eye) - lab(other, eye))) > TOLD_APART, (one.name(), other.name())


def test_the_choice_is_remembered_and_reaches_every_open_window(qtbot: Any, tmp_path: Any) -> None:
    window = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(window, before_close_func=MainWindow.leave)
    window.show()
    plot = Plot("title", "left", "bottom")
    qtbot.addWidget(plot)
    menu = QMenu()
    qtbot.addWidget(menu)
    fill_menu(menu)
    assert chosen() == Appearance.SYSTEM
    for action, kind in ((menu.actions()[2], Appearance.DARK), (menu.actions()[1], Appearance.LIGHT)):
        action.trigger()
        assert chosen() == kind
        QApplication.processEvents()
        for widget in (window, window.editor_page.form, plot):
            assert theme_of(widget.palette()).is_dark == (kind == Appearance.DARK)
        assert plot.backgroundBrush().color() == theme_of(plot.palette()).workspace
    choose(Appearance.SYSTEM)
    assert chosen() == Appearance.SYSTEM
    QSettings("bmi_app", "bmi").setValue("appearance/theme", "plaid")
    assert chosen() == Appearance.SYSTEM


def test_it_follows_the_system_where_that_was_chosen(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appearances, "_of_system", lambda: Appearance.DARK)
    show(Appearance.SYSTEM)
    assert theme_of(QApplication.palette()).is_dark
    monkeypatch.setattr(appearances, "_of_system", lambda: Appearance.LIGHT)
    show(Appearance.SYSTEM)
    assert not theme_of(QApplication.palette()).is_dark


def test_all_that_is_remembered_stands_in_one_file(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def refuse(settings: QSettings) -> MainWindow:
        given.append(settings.fileName())
        raise RuntimeError("seen")

    monkeypatch.setattr(main_window, "MainWindow", refuse)
    monkeypatch.setattr(appearances, "begin", lambda: None)
    with pytest.raises(RuntimeError, match="seen"):
        main_window.run()
    QApplication.setQuitOnLastWindowClosed(True)
    assert given == [QSettings("bmi_app", "bmi").fileName()]  # where the appearance and the panels are kept


def test_a_button_that_cannot_be_pressed_follows_the_appearance(qtbot: Any, tmp_path: Any) -> None:
    show(Appearance.LIGHT)
    main = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(main, before_close_func=MainWindow.leave)
    main.show()
    main.start_page.show_progress("Starting…")
    for shown in (Appearance.DARK, Appearance.LIGHT):
        show(shown)
        QApplication.processEvents()
        start = main.start_page.start
        assert not start.isEnabled()
        ground = start.grab().toImage().pixelColor(start.width() // 8, start.height() // 4)
        assert (ground.lightness() < 128) == (shown == Appearance.DARK)
        assert "QLabel 'Starting…'" not in unreadable(main)


def unreadable(window: QWidget) -> list[str]:
    """Return the texts that can hardly be told from their ground."""
    found, whole = [], window.grab().toImage()
    for widget in window.findChildren(QLabel) + window.findChildren(QAbstractButton):
        text = widget.text()
        if not text or not widget.isVisible() or widget.visibleRegion().isEmpty() or not widget.isEnabled():
            continue
        image = whole.copy(QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()))
        seen = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        ground = QColor(Counter(colour.rgb() for colour in seen).most_common(1)[0][0])
        if max(contrast(QColor(rgb), ground) for rgb in {colour.rgb() for colour in seen}) < 2.5:
            found.append(f"{type(widget).__name__} {text[:40]!r}")
    return found


def test_every_text_is_read_after_a_switch(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any, tmp_path: Any, keep_picture: Any
) -> None:
    show(Appearance.LIGHT)
    session = stepped("center_out", "learning.when=trial", "blocks.0.duration_s=1")
    session.step(1500)
    live = window(session.folder)
    live.hold()
    live.docks.arrange_all()
    main = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(main, before_close_func=MainWindow.leave)
    main.show()
    for shown in (Appearance.DARK, Appearance.LIGHT):
        show(shown)
        QApplication.processEvents()
        assert unreadable(live) == [], shown
        keep_picture(live, f"switched_to_{shown}")
        for page in range(main.pages.count()):
            main.pages.setCurrentIndex(page)
            QApplication.processEvents()
            assert unreadable(main) == [], (shown, page)
