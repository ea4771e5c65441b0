"""Add one thing of each kind, and count the files that it touches beside its tests and its line in the documentation.

The numbers are those of the table "How many files a new thing may touch" in the layout's plan.
"""

from pathlib import Path

import pytest

PANEL = '''
"""Show how long ago the session began."""

from PyQt6.QtWidgets import QLabel

from bmi_app.gui.panels.declaration import Declaration


class AgePanel(QLabel):
    """Show a number."""

    period_s = 0.5

    def take(self, fresh):
        """Take in what came."""

    def redraw(self, whole=False):
        """Show it."""

    def restart(self):
        """Forget what was taken."""


PANEL = Declaration("Age", lambda shared: AgePanel(), tab=(0, 9), grid=(3, 0))
'''


def test_a_panel_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bmi_app.gui.panels as home
    from bmi_app.gui.panels.declaration import columns, declared

    before = [panel.title for panel in declared()]
    (tmp_path / "age_panel.py").write_text(PANEL)
    monkeypatch.setattr(home, "__path__", [*home.__path__, str(tmp_path)])
    panels = declared()
    assert sorted([*before, "Age"]) == sorted(panel.title for panel in panels)
    assert columns({panel.title: panel.tab for panel in panels})[0][-1] == "Age"
    assert columns({panel.title: panel.grid for panel in panels})[-1] == ["Age"]
    assert len(list(tmp_path.glob("*.py"))) == 1

    (tmp_path / "age_again.py").write_text(PANEL)
    with pytest.raises(ValueError, match="two panels have the title 'Age'"):
        declared()
