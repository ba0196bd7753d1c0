"""The screens, one per file, and which one shows what.

Screens draw and raise events, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.flow import Overlay, State
from kiosk.screens.base import JourneyScreen
from kiosk.screens.busy import BusyScreen
from kiosk.screens.choose_case import ChooseCaseScreen
from kiosk.screens.choose_certificate import ChooseCertificateScreen
from kiosk.screens.choose_username import ChooseUsernameScreen
from kiosk.screens.confirm import ConfirmScreen
from kiosk.screens.consent import ConsentScreen
from kiosk.screens.goodbye import GoodbyeScreen
from kiosk.screens.hotline import HotlineScreen
from kiosk.screens.insert_token import InsertTokenScreen
from kiosk.screens.last_try import LastTryScreen
from kiosk.screens.mail_bounced import MailBouncedScreen
from kiosk.screens.no_email import NoEmailScreen
from kiosk.screens.no_match import NoMatchScreen
from kiosk.screens.out_of_service import OutOfServiceScreen
from kiosk.screens.pin import PinScreen
from kiosk.screens.pin_wrong import PinWrongScreen
from kiosk.screens.problem import ProblemScreen
from kiosk.screens.remove_token import RemoveTokenScreen
from kiosk.screens.resend_failed import ResendFailedScreen
from kiosk.screens.result_unknown import ResultUnknownScreen
from kiosk.screens.send_failed import SendFailedScreen
from kiosk.screens.sent import SentScreen
from kiosk.screens.several_tokens import SeveralTokensScreen
from kiosk.screens.staff import StaffScreen
from kiosk.screens.staff_call import StaffCallScreen
from kiosk.screens.staff_login import StaffLoginScreen
from kiosk.screens.time_out import TimeOutScreen
from kiosk.screens.token_removed import TokenRemovedScreen
from kiosk.screens.token_stalled import TokenStalledScreen
from kiosk.screens.username import UsernameScreen
from kiosk.screens.welcome import WelcomeScreen
from kiosk.view import View

STATE_SCREENS: Mapping[State, type[JourneyScreen]] = {
    State.OUT_OF_SERVICE: OutOfServiceScreen,
    State.WELCOME: WelcomeScreen,
    State.CONSENT: ConsentScreen,
    State.CHOOSE_CASE: ChooseCaseScreen,
    State.HOTLINE: HotlineScreen,
    State.INSERT_TOKEN: InsertTokenScreen,
    State.SEVERAL_TOKENS: SeveralTokensScreen,
    State.READING: BusyScreen,
    State.CHOOSE_CERTIFICATE: ChooseCertificateScreen,
    State.USERNAME: UsernameScreen,
    State.PREPARING: BusyScreen,
    State.PIN: PinScreen,
    State.VERIFYING: BusyScreen,
    State.CHOOSE_SIGNER: ChooseCertificateScreen,
    State.CHOOSE_USERNAME: ChooseUsernameScreen,
    State.PIN_WRONG: PinWrongScreen,
    State.LAST_TRY: LastTryScreen,
    State.NO_MATCH: NoMatchScreen,
    State.CONFIRM: ConfirmScreen,
    State.SENDING: BusyScreen,
    State.SEND_FAILED: SendFailedScreen,
    State.RESULT_UNKNOWN: ResultUnknownScreen,
    State.SENT: SentScreen,
    State.NO_EMAIL: NoEmailScreen,
    State.RESENDING: BusyScreen,
    State.RESEND_FAILED: ResendFailedScreen,
    State.MAIL_BOUNCED: MailBouncedScreen,
    State.TOKEN_REMOVED: TokenRemovedScreen,
    State.TOKEN_STALLED: TokenStalledScreen,
    State.PROBLEM: ProblemScreen,
    State.REMOVE_TOKEN: RemoveTokenScreen,
    State.GOODBYE: GoodbyeScreen,
    State.STAFF_LOGIN: StaffLoginScreen,
    State.STAFF: StaffScreen,
}
"""The screen of each state."""

OVERLAY_SCREENS: Mapping[Overlay, type[JourneyScreen]] = {
    Overlay.TIME_OUT: TimeOutScreen,
    Overlay.STAFF_CALL: StaffCallScreen,
}
"""The screen of each overlay; it lies over the state's."""


def screen_for(view: View) -> JourneyScreen:
    """Make the screen that shows `view`: the overlay's if there is one, else the state's."""
    kind = OVERLAY_SCREENS.get(view.overlay) or STATE_SCREENS[view.state]
    return kind(view)
