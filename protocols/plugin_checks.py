"""Check the plugins that a protocol names: that they exist, take their settings, and fit each other."""

import contextlib
import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from bmi_app import plugins, small_files
from bmi_app.decoders.contract import adapted_part
from protocols.problems import Finding, listing
from protocols.rig import PLUGIN_CHOICES
from protocols.schema import Protocol
from protocols.wording import describe_errors

_STAGED_WHEN = ("off", "block", "seconds")
# Of a rule of quadratic cost, for each axis and pair of units: `bmi bench decoders` measured 0.5 to 0.7 ns at 96 units, 0.9 to
# 1.2 at 1024, where the covariance no longer fits into the cache.
_MS_PER_SQUARE = 1.2e-6


@dataclass(frozen=True)
class Choice:
    """Hold one plugin that a protocol names.

    Attributes
    ----------
    path
        Dotted path of the table that names it.
    key
        The key in that table with the plugin's name.
    kind
        Kind of the plugin.
    name
        Name of the plugin.
    settings
        The settings in the protocol.
    named
        Keys of the table that a plugin of the kind has among its settings.
    passed_in
        Those that are given.
    """

    path: str
    key: str
    kind: plugins.Kind
    name: str
    settings: Mapping[str, Any]
    named: tuple[str, ...] = ()
    passed_in: Mapping[str, Any] = field(default_factory=dict)


def choices(protocol: Protocol) -> list[Choice]:
    """List the plugins that a protocol names, in the order of its tables."""
    decoder, learning, driver, subject = protocol.decoder, protocol.learning, protocol.driver, protocol.subject
    return [
        Choice("decoder", "kind", "decoders", decoder.kind, decoder.settings),
        Choice("learning", "rule", "learning", learning.rule, learning.settings),
        *(
            Choice(f"outputs.{index}", "kind", "outputs", output.kind, output.settings)
            for index, output in enumerate(protocol.outputs)
        ),
        Choice("driver", "kind", "drivers", driver.kind, driver.settings),
        Choice("subject", "kind", "subjects", subject.kind, subject.settings, PLUGIN_CHOICES, subject.choices()),
    ]


def check_plugins(
    protocol: Protocol, folder_of: Callable[[str], Path | None]
) -> tuple[list[Finding], dict[str, dict[str, Any]]]:
    """Check the plugins of a protocol, and fill in their settings.

    Parameters
    ----------
    protocol
        The protocol.
    folder_of
        Tells where a relative path begins that stands at a dotted key; None: it is left as it is.

    Returns
    -------
    findings
        Every mistake.
    settings
        All settings of each plugin that is right, defaults included, by the path of the table that names it.
    """
    findings: list[Finding] = []
    settings: dict[str, dict[str, Any]] = {}
    modules: dict[str, ModuleType] = {}
    for choice in choices(protocol):
        where = f"{choice.path}.{choice.key}"
        try:
            module = plugins.load(choice.kind, choice.name)
        except LookupError as error:
            findings.append(Finding(where, str(error)))
            continue
        except ImportError as error:
            findings.append(Finding(where, f"{choice.kind} plugin {choice.name!r} cannot be loaded: {error}"))
            continue
        modules[choice.path] = module
        findings.extend(
            Finding(f"{choice.path}.settings.{key}", f"stands in the wrong table; allowed: {choice.path}.{key}")
            for key in choice.named
            if key in choice.settings
        )
        model: type[BaseModel] = module.Settings
        try:
            resolved = model(**_with_whole_paths(choice, model, folder_of), **choice.passed_in)
        except ValidationError as error:
            findings.extend(_settings_findings(choice, model, error))
            continue
        dumped = resolved.model_dump(mode="json", exclude_none=True)
        settings[choice.path] = {key: value for key, value in dumped.items() if key not in choice.named}
    findings.extend(_check_pair(protocol, modules))
    findings.extend(_check_model_acts(protocol, modules, settings.get("decoder", {})))
    findings.extend(_check_fits(protocol, modules))
    findings.extend(_check_map(protocol, modules))
    return findings, settings


def _with_whole_paths(
    choice: Choice, model: type[BaseModel], folder_of: Callable[[str], Path | None]
) -> dict[str, Any]:
    """Return a plugin's settings with absolute paths; a field is a path where its schema extra says `path`."""
    settings = {key: value for key, value in choice.settings.items() if key not in choice.passed_in}
    for key, info in model.model_fields.items():
        extra, value = info.json_schema_extra, settings.get(key)
        if isinstance(extra, dict) and extra.get("path") and isinstance(value, str):
            folder = folder_of(f"{choice.path}.settings.{key}")
            with contextlib.suppress(OSError):  # the plugin says that there is no such file
                settings[key] = value if folder is None else str(whole_path(folder, value))
    return settings


def whole_path(folder: Path, named: str) -> Path:
    """Return the absolute path of a file that a protocol names; relative ones begin in `folder`.

    Raises
    ------
    OSError
        If there is no such user, or its links lead in a circle.
    """
    try:
        return (folder / small_files.user_path(named)).resolve()
    except (RuntimeError, ValueError) as error:
        raise OSError(errno.EINVAL, "no file can have this name, or its links lead in a circle", named) from error


def _settings_findings(choice: Choice, model: type[BaseModel], error: ValidationError) -> Iterator[Finding]:
    for key, message in describe_errors(model, error):
        inside = f"{choice.path}.settings.{key}" if key else f"{choice.path}.settings"
        # A key of the table itself, such as subject.prior, is where its owner wrote it.
        named = f"{choice.path}.{key}" if key.partition(".")[0] in choice.named else inside
        yield Finding(named, message, (f"{choice.path}.{choice.key}",))


def _check_pair(protocol: Protocol, modules: Mapping[str, ModuleType]) -> Iterator[Finding]:
    """Find a rule that adapts what the decoder does not offer, or that would make ticks late."""
    if "decoder" not in modules or "learning" not in modules or protocol.learning.when == "off":
        return
    learning, rule = protocol.learning, modules["learning"]
    offered: frozenset[str] = modules["decoder"].TRAITS.adaptable
    if adapted_part(rule.TRAITS.adapts, offered) is None:
        able = plugins.having("learning", lambda traits: adapted_part(traits.adapts, offered) is not None)
        rules = listing(able) if able else 'learning.when = "off", or another decoder'
        yield Finding(
            "learning.rule",
            f"{learning.rule!r} adapts the {' or '.join(sorted(rule.TRAITS.adapts))}, "
            f"which decoder {protocol.decoder.kind!r} does not offer; allowed: {rules}",
            ("decoder.kind",),
        )
    if rule.TRAITS.staged and learning.when not in _STAGED_WHEN:
        yield Finding(
            "learning.when",
            f"{learning.rule!r} is too slow for a tick and is computed beside it; allowed: {listing(_STAGED_WHEN)}",
            ("learning.rule",),
        )
    if rule.TRAITS.cost == "quadratic":
        work_ms = protocol.n_axes * protocol.units.count**2 * _MS_PER_SQUARE
        if work_ms > protocol.tick.period_ms / 2:
            most = int((protocol.tick.period_ms / 2 / _MS_PER_SQUARE / protocol.n_axes) ** 0.5)
            yield Finding(
                "learning.rule",
                f"{learning.rule!r} takes about {work_ms:.1f} ms a sample with {protocol.units.count} units, so that ticks of "
                f"{protocol.tick.period_ms:g} ms would be late; allowed: at most {most} units, longer ticks, or another rule",
                ("learning.when", "units.count", "tick.period_ms"),
            )


def _check_model_acts(
    protocol: Protocol, modules: Mapping[str, ModuleType], settings: Mapping[str, Any]
) -> Iterator[Finding]:
    """Find a form of the decoder on which a model that is changed in the tick does not act."""
    if "decoder" not in modules or "learning" not in modules or protocol.learning.when == "off":
        return
    rule, decoder = modules["learning"], modules["decoder"]
    if rule.TRAITS.staged or adapted_part(rule.TRAITS.adapts, decoder.TRAITS.adaptable) != "model":
        return
    beside = plugins.having("learning", lambda traits: traits.staged and "model" in traits.adapts)
    derive = " or ".join(f'"{name}"' for name in beside)
    for key, needed in decoder.TRAITS.model_acts.items():
        if settings.get(key, needed) != needed:
            yield Finding(
                f"decoder.settings.{key}",
                f"{settings[key]!r} is derived from the model by a fit, so that what {protocol.learning.rule!r} changes of the model "
                f"in the tick would not act; allowed: {needed!r}, or learning.rule = {derive}, which derives it anew",
                ("learning.rule", "decoder.kind"),
            )


def _check_fits(protocol: Protocol, modules: Mapping[str, ModuleType]) -> Iterator[Finding]:
    """Find a block that asks for a fit of a decoder that cannot be fitted, or not to samples so far apart."""
    if "decoder" not in modules:
        return
    decoder, apart_ms = modules["decoder"], protocol.learning.sample_ms
    if decoder.TRAITS.fit is not None:
        fits = [index for index, block in enumerate(protocol.blocks) if block.fit]
        if fits and decoder.TRAITS.has_dynamics and apart_ms > protocol.tick.period_ms:
            yield Finding(
                "learning.sample_ms",
                f"{apart_ms:g} ms, to which block {fits[0] + 1} would fit decoder {protocol.decoder.kind!r}, which runs every "
                f"{protocol.tick.period_ms:g} ms; allowed: {protocol.tick.period_ms:g}",
                ("decoder.kind", f"blocks.{fits[0]}.fit", "tick.period_ms"),
            )
        return
    for index, block in enumerate(protocol.blocks):
        if block.fit:
            able = plugins.having("decoders", lambda traits: traits.fit is not None)
            yield Finding(
                f"blocks.{index}.fit",
                f"decoder {protocol.decoder.kind!r} cannot be fitted; allowed: false, or one of the decoders {listing(able)}",
                ("decoder.kind",),
            )


def _check_map(protocol: Protocol, modules: Mapping[str, ModuleType]) -> Iterator[Finding]:
    """Find an axis without population, where the decoder needs one."""
    if "decoder" not in modules or not modules["decoder"].TRAITS.needs_map:
        return
    for letter, axis in protocol.axes.items():
        if not axis.populations:
            path = f"axes.{letter}"
            yield Finding(
                path,
                f"has no population, which decoder {protocol.decoder.kind!r} needs; allowed: population, "
                f"or push and pull, each one of {listing(protocol.populations)}",
                ("decoder.kind", path),
            )
