"""Choose colours that follow the system's palette and that every eye can tell apart.

The hues are those of Okabe and Ito, "Color universal design" (2008), which stay apart in every common colour blindness.
Nothing is said by colour alone: shape, place or words say it as well.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtGui import QColor, QFont, QPalette

_BLUE, _SKY, _ORANGE = "#0072B2", "#56B4E9", "#E69F00"
_GREEN, _VERMILLION, _YELLOW = "#009E73", "#D55E00", "#F0E442"
_DARK_ORANGE = "#8F5F00"  # read as text on a light ground
_LIGHT_VERMILLION = "#FF8C42"  # read as text on a dark ground


@dataclass(frozen=True)
class Theme:
    """Hold the colours of one appearance, light or dark."""

    is_dark: bool
    workspace: QColor
    border: QColor
    faint: QColor  # what only gives orientation
    muted: QColor  # names of values
    cursor: QColor
    target: QColor
    held: QColor  # hold, reward, success
    failed: QColor
    caution: QColor  # as text: what is allowed, but may not be meant


def theme_of(palette: QPalette) -> Theme:
    """Return the theme that goes with a palette."""
    # Those of an active window, also for a widget that is disabled while it is made.
    active = QPalette.ColorGroup.Active
    is_dark = palette.color(active, QPalette.ColorRole.Window).lightness() < 128
    text = palette.color(active, QPalette.ColorRole.WindowText)
    muted = QColor(text)
    muted.setAlphaF(0.65)
    return Theme(
        is_dark=is_dark,
        workspace=QColor("#16191e" if is_dark else "#ffffff"),
        border=QColor("#4a515c" if is_dark else "#b4bac3"),
        faint=QColor("#2d333c" if is_dark else "#e3e6ea"),
        muted=muted,
        cursor=QColor(_SKY if is_dark else _BLUE),
        target=QColor(_ORANGE),
        held=QColor(_GREEN),
        failed=QColor(_LIGHT_VERMILLION if is_dark else _VERMILLION),
        caution=QColor(_ORANGE if is_dark else _DARK_ORANGE),
    )


def notice_colours(level: str, theme: Theme) -> tuple[str, str]:
    """Return background and text of a notice: `calm`, `good`, `warning` or `alarm`."""
    return {
        "calm": ("#3f4753", "#e8eaed") if theme.is_dark else ("#e3e6ea", "#202428"),
        "good": (_GREEN, "#ffffff"),
        "warning": (_YELLOW, "#202428"),
        "alarm": ("#B33A00", "#ffffff"),  # vermillion, darkened until white is read well on it
    }[level]


def population_colours(n_populations: int, is_dark: bool, drives: Sequence[str] = ()) -> list[QColor]:
    """Return the colour of units without a population, and that of each population; they repeat after seven.

    Parameters
    ----------
    n_populations : int
    is_dark : bool
    drives : sequence of str
        What each population drives: `"x"` and `"y"` forward, `"-x"` and `"-y"` back, `""` nothing. The axes have their own colours
        in every plot, and a population has that of its axis, whatever its place in the list. Where none drives anything, or
        it is not said, the order of the list decides.
    """
    purple, grey = "#CC79A7", "#9aa0a8" if is_dark else "#7b828c"
    if not any(drives):
        drives = ("x", "y", "") if n_populations == 3 else ("x", "y")
    of_axes = {"x": _SKY if is_dark else _BLUE, "y": _ORANGE}
    idle = [grey] if "" in drives else []
    others = [_GREEN, purple, _LIGHT_VERMILLION if is_dark else _VERMILLION]
    others += [*([] if idle else [grey]), _YELLOW if is_dark else "#8a7f00"]
    hues: list[str] = []
    spare = itertools.cycle(others)
    for at in range(n_populations):
        drive = drives[at] if at < len(drives) else "-"
        if drive in of_axes and of_axes[drive] not in hues:
            hues.append(of_axes[drive])
        elif drive == "" and idle:
            hues.append(idle.pop())
        else:
            hues.append(next(spare))
    return [QColor(grey), *(QColor(hue) for hue in hues)]


def target_colours(n_targets: int, is_dark: bool) -> list[QColor]:
    """Return a colour for each target around the ring, neighbours apart in hue and in lightness."""
    colours = []
    for at in range(max(n_targets, 1)):
        light = (0.66 if is_dark else 0.46) + (0.10 if at % 2 else -0.06)
        colours.append(QColor.fromHslF(at / max(n_targets, 1), 0.85, light))
    return colours


def readable_on(colour: QColor) -> QColor:
    """Return black or white, whichever is read better on a colour (ITU-R BT.601 luma)."""
    luma = 0.299 * colour.redF() + 0.587 * colour.greenF() + 0.114 * colour.blueF()
    return QColor("#202428" if luma > 0.5 else "#ffffff")


def bold(font: QFont, size_pt: float | None = None) -> QFont:
    """Return a font made bold: a style sheet would keep the colours of the appearance in which it was set."""
    made = QFont(font)
    made.setBold(True)
    if size_pt is not None:
        made.setPointSizeF(size_pt)
    return made
