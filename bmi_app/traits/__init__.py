"""Traits: what a plugin offers beside what every plugin of its kind must define, checked when it is loaded.

A plugin's file ends with `TRAITS = DecoderTraits(...)`, or the class of its kind. Whoever uses a plugin reads `TRAITS`; nobody asks
a module whether it has a name. A name that no class knows is an error, which lists those that are allowed.
"""

from bmi_app.traits.checks import check_module
from bmi_app.traits.fields import PluginError, Traits, described
from bmi_app.traits.kinds import (
    DecoderTraits,
    DriverTraits,
    LearningTraits,
    OutputTraits,
    SubjectRole,
    SubjectTraits,
)

__all__ = [
    "DecoderTraits",
    "DriverTraits",
    "LearningTraits",
    "OutputTraits",
    "PluginError",
    "SubjectRole",
    "SubjectTraits",
    "Traits",
    "check_module",
    "described",
]
