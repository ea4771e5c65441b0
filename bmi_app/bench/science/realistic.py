"""Give a bench the subject of `realistic_subject` instead of its own: the keys of that protocol as overrides."""

import tomllib
from typing import Any

from protocols.load import SHIPPED_FOLDER

PROTOCOL = "realistic_subject"
_OF_PLAIN = ("baseline_hz", "max_rate_hz", "reaction_ms", "motor_noise_cm_s", "spread_deg")


def overrides(is_plain: bool = False) -> tuple[str, ...]:
    """Return the overrides that give another protocol its populations, axes, subject's settings and neurons.

    Parameters
    ----------
    is_plain
        Whether the subject is `plain`, which has some of the settings only.
    """
    document = tomllib.loads((SHIPPED_FOLDER / f"{PROTOCOL}.toml").read_text(encoding="utf-8"))
    subject = document["subject"]
    settings = {key: value for key, value in subject["settings"].items() if not is_plain or key in _OF_PLAIN}
    return (
        f"populations={_inline(document['populations'])}",
        f"axes={_inline(document['axes'])}",
        f"subject.neurons={subject['neurons']}",
        *(f"subject.settings.{key}={value}" for key, value in settings.items()),
        *(f"neurons.{key}={value}" for key, value in document["neurons"].items()),
    )


def _inline(value: Any) -> str:
    """Return a value in TOML, on one line."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={_inline(inner)}" for key, inner in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else repr(value)
