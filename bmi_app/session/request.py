"""Say what session is asked for: the one form in which the command line, the window and Python ask."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from protocols.schema import Protocol

Speed = Literal["real", "max"]
SPEEDS: tuple[Speed, ...] = get_args(Speed)
LONGEST_WAIT_S = 86_400.0
# Fields that stand for a key of the protocol.
KEYS = {
    "driver": "driver.kind",
    "duration_s": "session.duration_s",
    "trials": "session.trials",
    "seed": "session.seed",
}


class RequestError(ValueError):
    """Tell in one line which field of a request is wrong, what it holds and what is allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} {value}: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


@dataclass(frozen=True, kw_only=True)
class SessionRequest:
    """Ask for one session.

    Attributes
    ----------
    protocol : str
        Name of a protocol, or path of its file. A `Path` is accepted, and kept as the text of the absolute path.
    text : str
        TOML of a protocol that stands in no file; then `protocol` is what messages call it.
    overrides : sequence of str
        `key=value` each, applied to the protocol. Any sequence is accepted and kept as a tuple.
    driver, duration_s, trials, seed
        The source of spikes, the length (s), the number of trials and the seed; None leaves what the protocol says. They
        win over `overrides`.
    out : str, optional
        Folder in which the session's folder is made; None for the usual one. A `Path` is accepted.
    speed : {"real", "max"}
        In real time, or as fast as the machine can.
    source_timeout_s : float
        How long to look for the source (s).
    subject, session_name : str
        What the operator calls the subject and the session; empty for no name.

    Raises
    ------
    RequestError
        If a field is wrong.
    """

    protocol: str | Path
    text: str = ""
    overrides: Sequence[str] = ()
    driver: str | None = None
    duration_s: float | None = None
    trials: int | None = None
    seed: int | None = None
    out: str | Path | None = None
    speed: Speed = "real"
    source_timeout_s: float = 5.0
    subject: str = ""
    session_name: str = ""

    def __post_init__(self) -> None:
        if self.speed not in SPEEDS:
            raise RequestError("speed", self.speed, f"must be {' or '.join(f'`{speed}`' for speed in SPEEDS)}")
        wait_s = self.source_timeout_s
        if not (isinstance(wait_s, int | float) and math.isfinite(wait_s) and 0 <= wait_s <= LONGEST_WAIT_S):
            shown = f"{wait_s:g}" if isinstance(wait_s, int | float) else repr(wait_s)
            raise RequestError("source_timeout_s", shown, f"must be from 0 to {LONGEST_WAIT_S:g} s")
        is_list = not isinstance(self.overrides, str) and all(isinstance(text, str) for text in self.overrides)
        if not is_list:
            raise RequestError("overrides", repr(self.overrides), "must be a list of texts, `key=value` each")
        object.__setattr__(self, "overrides", tuple(self.overrides))
        if isinstance(self.protocol, Path):
            object.__setattr__(self, "protocol", str(self.protocol.absolute()))
        if isinstance(self.out, Path):
            object.__setattr__(self, "out", str(self.out))

    @classmethod
    def of(cls, **given: Any) -> "SessionRequest":
        """Return the request of named fields, where a name may be wrong.

        Raises
        ------
        RequestError
            If a field is unknown, missing or wrong.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise RequestError("request", repr(name), f"there is no such field; allowed: {', '.join(known)}")
        if "protocol" not in given:
            raise RequestError("protocol", "", "is missing: name a protocol, or give the path of one")
        return cls(**given)

    @classmethod
    def of_json(cls, text: str) -> "SessionRequest":
        """Return the request that `to_json` wrote.

        Raises
        ------
        RequestError
            If it is no request.
        """
        try:
            given = json.loads(text)
        except ValueError as error:
            raise RequestError("request", repr(text[:40]), f"is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise RequestError("request", repr(text[:40]), "must be a JSON object")
        return cls.of(**given)

    def to_json(self) -> str:
        """Write the request as JSON, for the process of the engine."""
        return json.dumps(asdict(self))

    def named(self) -> dict[str, Any]:
        """Return the keys of the protocol that fields of the request stand for, with their values, where they are given."""
        return {key: getattr(self, field) for field, key in KEYS.items() if getattr(self, field) is not None}

    def all_overrides(self) -> list[str]:
        """Return every `key=value` that is applied to the protocol: `overrides`, then those of the fields."""
        return [*self.overrides, *(f"{key}={value}" for key, value in self.named().items())]

    def resolved(self) -> "Protocol":
        """Return the protocol with everything that the request changes in it.

        Raises
        ------
        ProtocolError
            With every mistake in the protocol and the overrides.
        """
        from protocols.load import load, parse

        if self.text:
            return parse(self.text, str(self.protocol), self.all_overrides(), Path.cwd())
        return load(str(self.protocol), self.all_overrides())

    def labels(self) -> dict[str, str]:
        """Return what the operator calls the subject and the session, where they have a name, for `session.toml`."""
        given = {"subject": str(self.subject), "session": str(self.session_name)}
        return {key: label for key, label in given.items() if label}
