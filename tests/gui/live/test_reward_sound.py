"""The sound at a reward: a clean tone where there is a loudspeaker, the desktop's alert where there is none."""

import io
import wave
from typing import Any

import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication

from bmi_app.gui.live import reward_sound
from bmi_app.gui.live.reward_sound import RewardSound


def test_the_tone_has_its_pitch_and_does_not_click() -> None:
    with wave.open(io.BytesIO(reward_sound.tone_wav())) as reader:
        rate_hz, n_samples = reader.getframerate(), reader.getnframes()
        samples = np.frombuffer(reader.readframes(n_samples), "<i2").astype(float)
    assert n_samples / rate_hz == pytest.approx(reward_sound.TONE_S)
    loudest_hz = np.fft.rfftfreq(n_samples, 1 / rate_hz)[np.argmax(np.abs(np.fft.rfft(samples)))]
    assert loudest_hz == pytest.approx(reward_sound.TONE_HZ, abs=1 / reward_sound.TONE_S)
    assert np.abs(samples).max() < 0.5 * 32_767
    steepest = 0.4 * 32_767 * 2 * np.pi * reward_sound.TONE_HZ / rate_hz  # of the tone itself
    assert np.abs(np.diff(np.concatenate(([0.0], samples, [0.0])))).max() <= 1.05 * steepest


def test_without_a_loudspeaker_it_is_the_desktop_s_alert(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    beeps: list[bool] = []
    monkeypatch.setattr(QApplication, "beep", lambda: beeps.append(True))
    monkeypatch.setattr(RewardSound, "_make", lambda sound: None)
    sound = RewardSound()
    sound.play()
    sound.play()
    assert len(beeps) == 2
