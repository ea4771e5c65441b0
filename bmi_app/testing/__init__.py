"""The laws that every plugin keeps, as tests for pytest: one line in a package of plugins runs them.

    from bmi_app.testing import laws_of_decoder

    test_my_decoder = laws_of_decoder("my_decoder")

A plugin is known by its name in a protocol, so the package that holds it must be installed (`pip install -e .`).
"""

try:
    import hypothesis  # noqa: F401 - named here, so that a lack of it is told at once
    import pytest
except ImportError as error:
    raise ImportError(
        f"bmi_app.testing needs {error.name}, which is not installed; install the extra: pip install 'bmi-app[testing]'"
    ) from error

pytest.register_assert_rewrite(*(f"bmi_app.testing.{name}" for name in ("contract_laws", "decoder_laws")))
pytest.register_assert_rewrite(*(f"bmi_app.testing.{name}" for name in ("rule_laws", "staged_rule_laws")))

from bmi_app.testing.called_decoder import Decoder  # noqa: E402
from bmi_app.testing.called_rule import Rule  # noqa: E402
from bmi_app.testing.law import Law  # noqa: E402
from bmi_app.testing.laws import (  # noqa: E402
    laws,
    laws_of_decoder,
    laws_of_driver,
    laws_of_output,
    laws_of_rule,
    laws_of_subject,
)

__all__ = [
    "Decoder",
    "Law",
    "Rule",
    "laws",
    "laws_of_decoder",
    "laws_of_driver",
    "laws_of_output",
    "laws_of_rule",
    "laws_of_subject",
]
