"""Run a command of the program in this process, and tell praise from other words."""

from typer.testing import CliRunner

from bmi_app.cli.app import app

# What is said of a session that is as it was written; none of it may be said of one that is not.
PRAISE = (
    "intact: yes",
    '"intact": true',
    "exact: yes",
    '"exact": true',
    "every bit the same",
    "Bit-exact",
    "checked 20",
)


def bmi(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and all that it says."""
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
    return result.exit_code, result.output
