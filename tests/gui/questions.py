"""Answer the question that a window has asked."""

from bmi_app.gui.live.window import OperatorWindow


def press(window: OperatorWindow, label: str) -> None:
    assert window.question.box is not None
    button = next(button for button in window.question.box.buttons() if button.text().replace("&", "") == label)
    button.click()
