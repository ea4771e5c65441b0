"""Stand-in plugins, so that these tests are about protocols and not about the plugins that happen to exist."""

from types import ModuleType, SimpleNamespace
from typing import Any, Literal, cast

import pytest
from pydantic import BaseModel, ConfigDict, Field

from bmi_app import plugins
from bmi_app.traits import DecoderTraits, LearningTraits, OutputTraits, SubjectTraits


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LinearSettings(Settings):
    m1: float = Field(0.0, ge=0, lt=1)


class PlainSettings(Settings):
    prior: Literal["nominal", "nothing"] = "nominal"
    learner: Literal["none"] = "none"
    visual_delay_ms: float = Field(100.0, ge=0)


class AutonomousSettings(PlainSettings):
    model_config = ConfigDict(frozen=True, extra="allow")

    learner: Literal["none", "lms"] = "none"
    exploration: str = "slow"


class MarkerSettings(Settings):
    label: str = "marker"


class SerialSettings(Settings):
    port: str


READOUT: frozenset[Literal["model", "readout"]] = frozenset({"readout"})
RULE = {"default_rate": 1.0}
PLUGINS: dict[str, dict[str, Any]] = {
    "decoders": {
        "groupweight": SimpleNamespace(Settings=Settings, TRAITS=DecoderTraits(adaptable=READOUT, needs_map=True)),
        "linear": SimpleNamespace(
            Settings=LinearSettings, TRAITS=DecoderTraits(adaptable=READOUT, needs_map=False, fit=lambda *_: None)
        ),
    },
    "learning": {
        "lms": SimpleNamespace(Settings=Settings, TRAITS=LearningTraits(adapts=READOUT, **RULE)),
        "reward_gated": SimpleNamespace(Settings=Settings, TRAITS=LearningTraits(adapts=READOUT, **RULE)),
        "refit": SimpleNamespace(Settings=Settings, TRAITS=LearningTraits(adapts=frozenset({"model"}), **RULE)),
        "staged": SimpleNamespace(
            Settings=Settings,
            TRAITS=LearningTraits(adapts=frozenset({"readout", "model"}), refit=lambda *_: None, **RULE),
        ),
        "squares": SimpleNamespace(Settings=Settings, TRAITS=LearningTraits(adapts=READOUT, cost="quadratic", **RULE)),
    },
    "subjects": {
        "plain": SimpleNamespace(Settings=PlainSettings, TRAITS=SubjectTraits()),
        "autonomous": SimpleNamespace(Settings=AutonomousSettings, TRAITS=SubjectTraits()),
    },
    "drivers": {
        "simulated": SimpleNamespace(Settings=Settings, TRAITS=plugins.driver_traits("simulated")),
        "lsl": SimpleNamespace(Settings=Settings, TRAITS=plugins.driver_traits("lsl")),
    },
    "outputs": {
        "null": SimpleNamespace(Settings=Settings, TRAITS=OutputTraits()),
        "lsl_marker": SimpleNamespace(Settings=MarkerSettings, TRAITS=OutputTraits()),
        "serial": SimpleNamespace(Settings=SerialSettings, TRAITS=OutputTraits()),
    },
}


real_load = plugins.load


def load_stand_in(kind: plugins.Kind, name: str) -> ModuleType:
    if name not in PLUGINS[kind]:
        return real_load(kind, name)  # its message
    return cast(ModuleType, PLUGINS[kind][name])


@pytest.fixture(autouse=True)
def _stand_in_plugins(monkeypatch, request):
    if "real_plugins" not in request.fixturenames:
        monkeypatch.setattr(plugins, "load", load_stand_in)


@pytest.fixture
def real_plugins():
    """Ask for the plugins that ship."""


@pytest.fixture(autouse=True)
def user_data(monkeypatch, tmp_path):
    """Keep the user's own protocols out of the tests."""
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "user"))
    return tmp_path / "user" / "protocols"
