"""Switch the whole application between light and dark, or have it follow the system; the choice is remembered."""

from enum import StrEnum

from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtGui import QAction, QActionGroup, QColor, QPalette
from PyQt6.QtWidgets import QApplication, QMenu

_KEY = "appearance/theme"


class Appearance(StrEnum):
    """Name what can be chosen."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_TITLES = {Appearance.SYSTEM: "As the &system", Appearance.LIGHT: "&Light", Appearance.DARK: "&Dark"}

# Window, text, base, alternate base, button, highlight, link; the text on each is read at 7:1 or better.
_ROLES = (
    QPalette.ColorRole.Window,
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Base,
    QPalette.ColorRole.AlternateBase,
    QPalette.ColorRole.Button,
    QPalette.ColorRole.Highlight,
    QPalette.ColorRole.Link,
)
_COLOURS = {
    Appearance.LIGHT: ("#f0f1f3", "#1c2024", "#ffffff", "#f5f6f8", "#e8eaed", "#0072B2", "#005f96"),
    Appearance.DARK: ("#24282e", "#e8eaed", "#1b1e23", "#22262b", "#31363e", "#0072B2", "#56B4E9"),
}


def chosen() -> Appearance:
    """Return the choice that is remembered."""
    kept = QSettings("bmi_app", "bmi").value(_KEY, Appearance.SYSTEM.value, str)
    return Appearance(kept) if kept in list(Appearance) else Appearance.SYSTEM


def choose(appearance: Appearance) -> None:
    """Show every window in this appearance, and remember it."""
    QSettings("bmi_app", "bmi").setValue(_KEY, appearance.value)
    show(appearance)


def begin() -> None:
    """Show the application as was chosen last, and follow the system where that was chosen."""
    show(chosen())
    hints = QApplication.styleHints()
    assert hints is not None
    hints.colorSchemeChanged.connect(lambda _: show(chosen()) if chosen() == Appearance.SYSTEM else None)


def show(appearance: Appearance) -> None:
    """Show every window in this appearance."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    # The same style in each, so that nothing but colours changes; the system's own may not heed a palette.
    if application.style() is None or application.style().objectName() != "fusion":  # type: ignore[union-attr]
        application.setStyle("fusion")
    if appearance == Appearance.SYSTEM:
        appearance = _of_system()
    application.setPalette(palette(appearance))


def palette(appearance: Appearance) -> QPalette:
    """Return the colours of the light or the dark appearance."""
    found = QPalette()
    for role, name in zip(_ROLES, _COLOURS[appearance], strict=True):
        found.setColor(role, QColor(name))
    text, base, window = (found.color(role) for role in (_ROLES[1], _ROLES[2], _ROLES[0]))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        found.setColor(role, text)
    found.setColor(QPalette.ColorRole.HighlightedText, QColor("#ffffff"))
    found.setColor(QPalette.ColorRole.ToolTipBase, base)
    found.setColor(QPalette.ColorRole.ToolTipText, text)
    found.setColor(QPalette.ColorRole.PlaceholderText, _between(text, base, 0.42))
    is_dark = appearance == Appearance.DARK
    for role, factor in (
        (QPalette.ColorRole.Light, 130), (QPalette.ColorRole.Midlight, 115), (QPalette.ColorRole.Mid, 80),
        (QPalette.ColorRole.Dark, 65), (QPalette.ColorRole.Shadow, 40),
    ):  # fmt: skip
        button = found.color(QPalette.ColorRole.Button)
        found.setColor(role, button.lighter(factor) if factor > 100 else button.darker(10000 // factor))
    if is_dark:
        found.setColor(QPalette.ColorRole.Light, QColor("#3c424b"))
    faded = _between(text, window, 0.52)
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        found.setColor(QPalette.ColorGroup.Disabled, role, faded)
    found.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Base, window)
    found.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, faded)
    return found


def fill_menu(menu: QMenu) -> None:
    """Offer the appearances, the chosen one marked; windows that are open share the choice."""
    group = QActionGroup(menu)
    for appearance, title in _TITLES.items():
        action = QAction(title, menu)
        action.setCheckable(True)
        action.triggered.connect(lambda _, appearance=appearance: choose(appearance))
        group.addAction(action)
        menu.addAction(action)

    def mark() -> None:
        for action, appearance in zip(group.actions(), _TITLES, strict=True):
            action.setChecked(appearance == chosen())

    menu.aboutToShow.connect(mark)
    mark()


def _of_system() -> Appearance:
    hints = QApplication.styleHints()
    is_dark = hints is not None and hints.colorScheme() == Qt.ColorScheme.Dark
    return Appearance.DARK if is_dark else Appearance.LIGHT


def _between(one: QColor, other: QColor, part: float) -> QColor:
    """Return a colour on the way from one to another."""
    return QColor.fromRgbF(*(a + (b - a) * part for a, b in zip(one.getRgbF()[:3], other.getRgbF()[:3], strict=True)))
