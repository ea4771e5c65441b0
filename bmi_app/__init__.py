"""A real-time closed-loop brain-machine interface; README.md shows it, CONTRIBUTING.md says where things live.

From Python (docs/python.md): ``load`` a recorded session, ``run`` one, ``launch`` or ``attach`` to one that runs,
``simulate`` many, ``fit`` a decoder. Each name is imported when it is first used, so that this import is light.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bmi_app.api.changes import protocol
    from bmi_app.api.errors import BmiError
    from bmi_app.api.fitting import FittedDecoder, fit
    from bmi_app.api.kernels import Decoder, Rule, decoder, rule
    from bmi_app.api.recorded import Session, Verified, load
    from bmi_app.api.running import Running, attach, launch, run
    from bmi_app.api.simulation import Outcomes, simulate
    from bmi_app.api.tables import FIELDS
    from bmi_app.session.request import SessionRequest

_HOMES = {
    "BmiError": "bmi_app.api.errors",
    "Decoder": "bmi_app.api.kernels",
    "FIELDS": "bmi_app.api.tables",
    "FittedDecoder": "bmi_app.api.fitting",
    "Outcomes": "bmi_app.api.simulation",
    "Rule": "bmi_app.api.kernels",
    "Running": "bmi_app.api.running",
    "Session": "bmi_app.api.recorded",
    "SessionRequest": "bmi_app.session.request",
    "Verified": "bmi_app.api.recorded",
    "attach": "bmi_app.api.running",
    "decoder": "bmi_app.api.kernels",
    "fit": "bmi_app.api.fitting",
    "launch": "bmi_app.api.running",
    "load": "bmi_app.api.recorded",
    "protocol": "bmi_app.api.changes",
    "rule": "bmi_app.api.kernels",
    "run": "bmi_app.api.running",
    "simulate": "bmi_app.api.simulation",
}

__all__ = [
    "FIELDS",
    "BmiError",
    "Decoder",
    "FittedDecoder",
    "Outcomes",
    "Rule",
    "Running",
    "Session",
    "SessionRequest",
    "Verified",
    "attach",
    "decoder",
    "fit",
    "launch",
    "load",
    "protocol",
    "rule",
    "run",
    "simulate",
]


if not TYPE_CHECKING:  # a type checker shall find a misspelt name

    def __getattr__(name: str) -> Any:
        """Import a name of the front door when it is first used."""
        if name not in _HOMES:
            raise AttributeError(f"module 'bmi_app' has no attribute {name!r}")
        found = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
