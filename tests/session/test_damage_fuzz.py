"""A fixed sample of `make fuzz`: damaged sessions, each under every session command."""

from pathlib import Path

import pytest

from tests.support.damaged_sessions import check_cases

N_CASES, SEED = 60, 11


@pytest.mark.timeout(900)
def test_no_command_crashes_or_says_what_is_not_so(tmp_path: Path) -> None:
    assert check_cases(tmp_path, SEED, 0, N_CASES) == []
