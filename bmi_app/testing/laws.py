"""Collect the laws of a plugin, and make a test of them that pytest finds."""

from collections.abc import Callable
from typing import Any

import pytest

from bmi_app import plugins
from bmi_app.testing import contract_laws, decoder_laws, rule_laws, staged_rule_laws
from bmi_app.testing.law import Law


def laws(kind: plugins.Kind, name: str, **settings: Any) -> list[Law]:
    """Return every law of a plugin.

    Parameters
    ----------
    kind, name
        Of the plugin, as in `bmi_app.plugins`.
    settings
        Those of the plugin that have no default (the port of an output).

    Raises
    ------
    LookupError
        If there is no such plugin.
    PluginError
        If its file is not as its kind needs.
    """
    traits = plugins.load(kind, name).TRAITS
    found = contract_laws.laws(kind, name, settings)
    if kind == "decoders":
        found += decoder_laws.laws(name)
    if kind == "learning":
        found += staged_rule_laws.laws(name) if traits.staged else rule_laws.laws(name)
    return found


def laws_of_decoder(name: str) -> Callable[[Law], None]:
    """Return a test of all laws of a decoder: units have neither order nor measure, masked ones do not exist, silence is harmless."""
    return _test("decoders", name)


def laws_of_rule(name: str) -> Callable[[Law], None]:
    """Return a test of all laws of a learning rule, in the tick or staged."""
    return _test("learning", name)


def laws_of_driver(name: str, **settings: Any) -> Callable[[Law], None]:
    """Return a test of all laws of a driver; `settings` are those without a default."""
    return _test("drivers", name, **settings)


def laws_of_subject(name: str) -> Callable[[Law], None]:
    """Return a test of all laws of a simulated subject."""
    return _test("subjects", name)


def laws_of_output(name: str, **settings: Any) -> Callable[[Law], None]:
    """Return a test of all laws of an output; `settings` are those without a default."""
    return _test("outputs", name, **settings)


def _test(kind: plugins.Kind, name: str, **settings: Any) -> Callable[[Law], None]:
    @pytest.mark.parametrize("law", laws(kind, name, **settings), ids=str)
    def test_laws(law: Law) -> None:
        law()

    return test_laws
