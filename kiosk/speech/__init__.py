"""The screens read aloud on a headphone, for people who cannot see them.

Only a kiosk whose configuration wants speech imports this.
"""

from __future__ import annotations

from kiosk.config import SpeechSection
from kiosk.speech.dispatcher import SpeechDispatcher
from kiosk.speech.espeak import EspeakNg
from kiosk.speech.narrator import Narrator


def make_narrator(section: SpeechSection) -> Narrator:
    """Make the narrator with the program that `[speech]` names. Nothing is started yet."""
    kind = EspeakNg if section.program == "espeak-ng" else SpeechDispatcher
    return Narrator(kind(section.rate))
