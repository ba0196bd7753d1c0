"""The virtual card for a pcscd that looks more often: it need not stay out for so long.

Run as `kiosk.sandbox.card` is (`CardProcess(…, program=…)`).
"""

from __future__ import annotations

import sys

from kiosk.sandbox import card, card_server
from tests.endurance.quick_pcscd import LOOKS

if __name__ == "__main__":
    card_server._OUT_TIME = 3 * LOOKS
    card_server._POWER_TIME = LOOKS
    sys.exit(card.main())
