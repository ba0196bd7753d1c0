"""What the walks on the fake ports draw from, and how often each."""

from __future__ import annotations

from hypothesis import strategies as st

from kiosk.flow import State
from kiosk.hardware import token as tokens
from kiosk.sandbox.embedded import Hang
from kiosk.sandbox.scenario import PIN, TOKENS
from kiosk.service.errors import CODES
from tests.walks.service import Fate, Fault

choices = st.integers(0, 59)
hurries = st.sampled_from([False, False, True])
"""Whether the next thing happens before the kiosk has done what it can do at once."""
pins = st.sampled_from([PIN, PIN, PIN, PIN, "00000000", "", "123", "1" * 9, "mật khẩu " * 12])
names = st.sampled_from([*(["hoa-sen"] * 6), *(["binh-minh"] * 3), *(one.name for one in TOKENS)])
good_names = st.sampled_from(["hoa-sen", "hoa-sen", "binh-minh", "two-certificates", "last-try"])
goals = st.sampled_from([*([State.SENT] * 15), *([State.RESEND_FAILED] * 8), *State])


token_faults = st.sampled_from(
    [
        Hang(),
        tokens.ModuleMissing("/x.so"),
        tokens.HelperDied(-11),
        tokens.TokenStalled("test", 20),
        tokens.TokenAbsent(),
        tokens.TokenNotRecognised(),
        tokens.SeveralTokens(),
        tokens.TokenChanged(),
        tokens.KeyMissing(),
        tokens.PinRefused(tokens.PinFlags()),
        tokens.PinRefused(tokens.PinFlags(final_try=True)),
        tokens.PinRefused(tokens.PinFlags(locked=True)),
        tokens.PinLocked(),
        tokens.PinLengthRefused(),
        tokens.PinNotSet(),
        tokens.PinMustChange(),
        tokens.TokenFailed("test", "CKR_DEVICE_ERROR"),
    ]
)
service_faults = st.builds(
    Fault,
    st.sampled_from(Fate),
    st.sampled_from([*sorted(CODES), "of_a_newer_contract"]),
    st.sampled_from([0.0, 0.2, 3.0, 9.0, 12.0]),
)
order_faults = st.none() | st.tuples(st.sampled_from(["confirm", "resend"]), service_faults)
outlooks = st.sampled_from(
    [
        ["sent"],
        ["delivered"],
        ["pending"],
        ["bounced"],
        ["expired"],
        ["pending", "sent"],
        ["pending"] * 30,
        ["pending", "pending", "bounced"],
    ]
)
