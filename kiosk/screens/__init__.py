"""The screens, one per file, and which one shows what.

Screens draw and raise events, nothing else. Each is loaded when it is first shown, or by
`load_all`: the first frame needs one of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

from kiosk.flow import Overlay, State
from kiosk.screens.base import JourneyScreen
from kiosk.view import View

__all__ = ["OVERLAY_SCREENS", "STATE_SCREENS", "JourneyScreen", "load_all", "screen_for"]

STATE_SCREENS: Mapping[State, str] = {
    State.OUT_OF_SERVICE: "out_of_service:OutOfServiceScreen",
    State.WELCOME: "welcome:WelcomeScreen",
    State.CONSENT: "consent:ConsentScreen",
    State.CHOOSE_CASE: "choose_case:ChooseCaseScreen",
    State.HOTLINE: "hotline:HotlineScreen",
    State.INSERT_TOKEN: "insert_token:InsertTokenScreen",
    State.SEVERAL_TOKENS: "several_tokens:SeveralTokensScreen",
    State.READING: "busy:BusyScreen",
    State.CHOOSE_CERTIFICATE: "choose_certificate:ChooseCertificateScreen",
    State.USERNAME: "username:UsernameScreen",
    State.PREPARING: "busy:BusyScreen",
    State.PIN: "pin:PinScreen",
    State.VERIFYING: "busy:BusyScreen",
    State.CHOOSE_SIGNER: "choose_certificate:ChooseCertificateScreen",
    State.CHOOSE_USERNAME: "choose_username:ChooseUsernameScreen",
    State.PIN_WRONG: "pin_wrong:PinWrongScreen",
    State.LAST_TRY: "last_try:LastTryScreen",
    State.NO_MATCH: "no_match:NoMatchScreen",
    State.CONFIRM: "confirm:ConfirmScreen",
    State.SENDING: "busy:BusyScreen",
    State.SEND_FAILED: "send_failed:SendFailedScreen",
    State.RESULT_UNKNOWN: "result_unknown:ResultUnknownScreen",
    State.SENT: "sent:SentScreen",
    State.NO_EMAIL: "no_email:NoEmailScreen",
    State.RESENDING: "busy:BusyScreen",
    State.RESEND_FAILED: "resend_failed:ResendFailedScreen",
    State.MAIL_BOUNCED: "mail_bounced:MailBouncedScreen",
    State.TOKEN_REMOVED: "token_removed:TokenRemovedScreen",
    State.TOKEN_STALLED: "token_stalled:TokenStalledScreen",
    State.PROBLEM: "problem:ProblemScreen",
    State.REMOVE_TOKEN: "remove_token:RemoveTokenScreen",
    State.GOODBYE: "goodbye:GoodbyeScreen",
    State.STAFF_LOGIN: "staff_login:StaffLoginScreen",
    State.STAFF: "staff:StaffScreen",
}
"""The screen of each state: its module here, and its class."""

OVERLAY_SCREENS: Mapping[Overlay, str] = {
    Overlay.TIME_OUT: "time_out:TimeOutScreen",
    Overlay.STAFF_CALL: "staff_call:StaffCallScreen",
}
"""The screen of each overlay; it lies over the state's."""


def screen_for(view: View) -> JourneyScreen:
    """Make the screen that shows `view`: the overlay's if there is one, else the state's."""
    kind = _loaded(OVERLAY_SCREENS.get(view.overlay) or STATE_SCREENS[view.state])
    return kind(view)


def load_all() -> None:
    """Load every screen, so that none is waited for."""
    for place in (*STATE_SCREENS.values(), *OVERLAY_SCREENS.values()):
        _loaded(place)


def _loaded(place: str) -> type[JourneyScreen]:
    module, _, name = place.partition(":")
    kind = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return cast(type[JourneyScreen], kind)
