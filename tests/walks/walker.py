"""A customer who walks, and a witness who writes down what was accepted and looks after each
step at what must never be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from kiosk.controller import Controller
from kiosk.flow import (
    BUSY_STATES,
    OVERLAY_TABLE,
    TABLE,
    CertificateChosen,
    Event,
    Overlay,
    PinConfirmed,
    ResendAsked,
    SendConfirmed,
    ServiceRestored,
    StaffJobAsked,
    StaffPinEntered,
    StaffTopic,
    StaffTopicAsked,
    State,
    TokenRemoved,
    UsernameChosen,
    UsernameEntered,
)
from kiosk.pin import PinBuffer
from kiosk.sandbox.scenario import ACCOUNTS
from kiosk.screens import STATE_SCREENS
from kiosk.session import Visit
from kiosk.staff.switch import CONFIRM
from kiosk.view import View
from tests.walks.figures import Figures
from tests.walks.routes import next_event, pressable

PIN_STATES = frozenset({State.PIN, State.VERIFYING, State.STAFF_LOGIN})
"""Where a PIN may be."""

ERASED_STATES = frozenset(
    {State.WELCOME, State.GOODBYE, State.REMOVE_TOKEN, State.OUT_OF_SERVICE, State.STAFF}
)
"""Where nothing of a visit may be."""

_TOPICS = tuple(StaffTopic)

_OF_NOBODY = frozenset({"pin", "idempotency_key", "call_id", "staff", "trace"})
"""What every visit has, a fresh one too. Staff may be called before a visit and after it."""


@dataclass
class Confirmation:
    """What a customer saw when they confirmed, and what they asked for since."""

    username: str
    tax_code: str
    resends: int = 0
    mails_before: int = 0
    """Mails that had left when the newest resend was asked for."""


@dataclass(frozen=True)
class Attempt:
    """The newest press of Confirm on the PIN screen."""

    fingerprint: str
    """Of the certificate that was shown; empty for a token that hides it until login."""
    serial: str
    """Of the token that was read."""
    pin: bytes
    tries: int
    """Tries of all tokens before it."""
    signatures: int
    proofs: int = 1
    """Signatures that one press may lead to: a lookup has one of its own."""


class Walker:
    """Presses what there is to press, and keeps a record."""

    def __init__(
        self,
        controller: Controller,
        tries: Callable[[], int],
        signatures: Callable[[], int],
        figures: Figures,
    ) -> None:
        """Begin a record.

        Args:
            tries: how often a PIN was presented to any token.
            signatures: how many signatures were made by any token.
        """
        self.controller = controller
        self._tries = tries
        self._signatures = signatures
        self._figures = figures
        self.attempt = Attempt("", "", b"", tries(), signatures())
        self.confirmations: dict[str, Confirmation] = {}
        """By reset."""
        self.shown_fingerprints = ["0" * 64]
        self.usernames: set[str] = set()
        """What was typed and accepted."""

    @property
    def view(self) -> View:
        return self.controller.view

    @property
    def visit(self) -> Visit:
        return self.controller._visit

    @property
    def pin(self) -> PinBuffer:
        return self.view.pin

    def accepts(self, kind: type[Event]) -> bool:
        return self.controller._journey.accepts(kind)

    def pressable(self) -> tuple[type[Event], ...]:
        journey = self.controller._journey
        return pressable(journey.state, journey.overlay)

    def towards(self, goal: State) -> type[Event] | None:
        """What comes next on the way to a state; first, the overlay is closed."""
        view = self.view
        if view.overlay is not Overlay.NONE:
            rows = OVERLAY_TABLE[view.overlay]
            return next(
                kind
                for kind in self.pressable()
                if rows[kind].to is Overlay.NONE and not rows[kind].ends_visit
            )
        if view.state is State.STAFF_LOGIN and goal is State.STAFF:
            return StaffPinEntered
        return next_event(view.state, goal)

    def make(self, kind: type[Event], choice: int, *, stale: bool = False) -> Event | None:
        """Make an event as a screen would; None if the walks do not know how to.

        Args:
            choice: which of several certificates or usernames.
            stale: a certificate may be one that was shown before.
        """
        view = self.view
        if kind is UsernameEntered:
            tax_code = view.holder.tax_code if view.holder else ""
            own = [
                one.username
                for one in ACCOUNTS
                if (one.tax_code, one.status, one.mailbox) == (tax_code, "active", "open")
            ]
            names = [*own, *own, *own, "nghiem", "nobody"]
            return UsernameEntered(names[choice % len(names)])
        if kind is UsernameChosen:
            names = [*view.usernames, "nghiem"]
            return UsernameChosen(names[choice % len(names)])
        if kind is StaffTopicAsked:
            return StaffTopicAsked(_TOPICS[choice % len(_TOPICS)], ("", CONFIRM)[choice % 2])
        if kind is StaffJobAsked:
            page = view.staff_mode.page
            return StaffJobAsked(page.topic if page else StaffTopic.TOKEN)
        if kind is CertificateChosen:
            shown = [one.fingerprint for one in view.certificates]
            self.shown_fingerprints += [one for one in shown if one not in self.shown_fingerprints]
            known = self.shown_fingerprints if stale or not shown else shown
            return CertificateChosen(known[choice % len(known)])
        if fields(kind):
            self._figures.not_pressed.add(kind.__name__)
            return None
        return kind()

    def press(self, event: Event) -> bool:
        """Raise a customer's event; tell whether it was accepted."""
        if isinstance(event, PinConfirmed | StaffPinEntered):
            self.pin.seal()
        accepted = self.accepts(type(event))
        if accepted:
            self._note(event)
        self.controller.dispatch(event)
        return accepted

    def _note(self, event: Event) -> None:
        visit, view = self.visit, self.view
        if isinstance(event, PinConfirmed):
            self.attempt = Attempt(
                fingerprint=view.holder.fingerprint if view.holder else "",
                serial=visit.token_info.serial if visit.token_info else "",
                pin=bytes(view.pin.view()),
                tries=self._tries(),
                signatures=self._signatures(),
                proofs=2 if visit.lookup else 1,
            )
        elif isinstance(event, UsernameEntered | UsernameChosen):
            self.usernames.add(event.username)
        elif isinstance(event, SendConfirmed):
            assert visit.reset is not None
            assert view.holder is not None
            assert visit.reset.id not in self.confirmations, "one reset was confirmed twice"
            self.confirmations[visit.reset.id] = Confirmation(view.username, view.holder.tax_code)
        elif isinstance(event, ResendAsked):
            assert visit.reset is not None
            self.confirmations[visit.reset.id].resends += 1

    def type(self, pin: str) -> None:
        """Type on a PIN screen; elsewhere there is no field."""
        view = self.view
        if view.state in (State.PIN, State.STAFF_LOGIN) and view.overlay is Overlay.NONE:
            for character in pin:
                view.pin.append(character)

    # What must always hold

    def assert_in_order(self, *, card_present: bool) -> None:
        """Look at everything that can be seen between two steps."""
        view = self.view
        self._figures.states[view.state] += 1
        assert view.state in STATE_SCREENS
        assert self._has_way_out(view, card_present), f"no way out of {view.state} {view.overlay}"
        if view.state not in PIN_STATES:
            self._assert_no_pin(view.pin)
        if view.state in ERASED_STATES:
            self._assert_erased(view.pin)
        attempt = self.attempt
        assert self._tries() <= attempt.tries + 1, "a PIN was tried twice"
        signatures = self._signatures()
        assert signatures <= attempt.signatures + attempt.proofs, "a proof was signed twice"
        if view.state is State.VERIFYING and signatures > attempt.signatures:
            # While the service looks at the proof, nobody needs the PIN.
            self._assert_no_pin(view.pin)

    def _has_way_out(self, view: View, card_present: bool) -> bool:
        controller = self.controller
        if any(self.accepts(kind) for kind in self.pressable()):
            return True
        if view.state in BUSY_STATES:
            return controller._work is not None and not controller._work.done()
        if self.accepts(TokenRemoved) and TokenRemoved in TABLE[view.state]:
            return card_present
        # The watch over the service ends with the controller only.
        return self.accepts(ServiceRestored) and controller._readiness.problem is not None

    def _assert_no_pin(self, pin: PinBuffer) -> None:
        """No PIN in the buffer, nor what was one."""
        assert len(pin) == 0
        assert not any(pin._bytes)
        assert not any(pin._lengths)

    def _assert_erased(self, pin: PinBuffer) -> None:
        """The visit holds what a fresh one holds."""
        self._assert_no_pin(pin)
        visit, fresh = self.visit, Visit(pin)
        for name in Visit.__struct_fields__:
            if name not in _OF_NOBODY:
                assert getattr(visit, name) == getattr(fresh, name), name
        # Of the journal's word for a visit, only its random name is there.
        assert not any((visit.trace.outcome, visit.trace.reference, visit.trace.tax_code))
