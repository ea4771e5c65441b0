"""Sessions that were recorded through the front door."""

import pytest

import bmi_app


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> "bmi_app.Session":
    """Half a minute of center-out at full speed, with a rule that learns after each trial."""
    asked = bmi_app.protocol("center_out", decoder__scramble=0.2, learning__when="trial", learning__rule="lms")
    out = tmp_path_factory.mktemp("recorded")
    return bmi_app.run(asked, speed="max", duration_s=30, seed=5, out=out, subject="J", progress=False)
