"""Play a short tone at each reward: through Qt's multimedia, or, where that or a loudspeaker is missing, the desktop's alert."""

import io
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PyQt6.QtCore import QTemporaryDir, QUrl
from PyQt6.QtWidgets import QApplication

if TYPE_CHECKING:
    from PyQt6.QtMultimedia import QSoundEffect

TONE_HZ, TONE_S, SAMPLE_RATE_HZ = 880.0, 0.15, 44_100
_AMPLITUDE, _RAMP_S = 0.4, 0.01  # a tone that is cut off sharply clicks


class RewardSound:
    """Hold the tone, made when it is first played: most sessions are silent."""

    def __init__(self) -> None:
        self._folder = QTemporaryDir()
        self._effect: QSoundEffect | None = None
        self._is_made = False

    def play(self) -> None:
        """Play the tone from its beginning; returns at once."""
        if not self._is_made:
            self._is_made = True
            self._effect = self._make()
        if self._effect is None:
            QApplication.beep()
        else:
            self._effect.play()

    def _make(self) -> "QSoundEffect | None":
        try:
            # Here, because it needs libraries (PulseAudio's) that a bare machine does not have.
            from PyQt6.QtMultimedia import QMediaDevices, QSoundEffect
        except ImportError:
            return None
        if QMediaDevices.defaultAudioOutput().isNull():
            return None
        path = Path(self._folder.path()) / "reward.wav"
        path.write_bytes(tone_wav())
        effect = QSoundEffect()
        effect.setSource(QUrl.fromLocalFile(str(path)))
        return effect


def tone_wav() -> bytes:
    """Return the tone as a WAV file: one channel, 16 bits."""
    time_s = np.arange(round(TONE_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    ramp = np.minimum(1.0, np.minimum(time_s, TONE_S - time_s) / _RAMP_S)
    samples = _AMPLITUDE * ramp * np.sin(2 * np.pi * TONE_HZ * time_s)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes((samples * 32_767).astype("<i2").tobytes())
    return file.getvalue()
