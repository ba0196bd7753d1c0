"""Lets a customer carry out their plan at the kiosk, and sees that it ends as it has to."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress

from kiosk.flow import Overlay, State
from kiosk.sandbox.card import CardUnavailable
from kiosk.sandbox.scenario import STAFF_PIN
from tests.endurance.customers import LEAVING, Visit
from tests.endurance.hall import Broken, Hall
from tests.endurance.processes import helpers_of

STAFF_KEYS = "\x1b[23~\x1b[24~"
F1, F2, F3 = "\x1bOP", "\x1bOQ", "\x1bOR"

ONWARDS: dict[State, tuple[str, ...]] = {
    State.CONSENT: ("Agreed",),
    State.CHOOSE_CERTIFICATE: ("CertificateChosen",),
    State.CHOOSE_SIGNER: ("CertificateChosen",),
    State.CHOOSE_USERNAME: ("UsernameChosen",),
    State.LAST_TRY: ("Insisted",),
    State.CONFIRM: ("SendConfirmed",),
    State.SEND_FAILED: ("Retried",),
    State.RESEND_FAILED: ("Finished",),
    State.NO_EMAIL: ("ResendAsked", "Back"),
    State.GOODBYE: (),
}
"""What is pressed where by who wants to get on; elsewhere the visit's plan says it."""

BUSY = frozenset({State.READING, State.PREPARING, State.VERIFYING, State.SENDING, State.RESENDING})

AGAIN = 3.0
"""Seconds after which a customer whose press has led nowhere presses again."""


class Visitor:
    """Goes to the kiosk once."""

    def __init__(self, hall: Hall, visit: Visit) -> None:
        self._hall = hall
        self._visit = visit
        self._pins = list(visit.pins)
        self._resends = visit.resends
        self._deed = visit.deed
        self._inserted = False
        self._leaving = False
        self.states: Counter[State] = Counter()
        """Screens that were seen, and how often each came up."""
        self.problems: list[str] = []
        self.orders = 0
        """Mails that were ordered."""
        self.presses_again = 0
        """Presses that had to be repeated."""

    def go(self) -> None:
        """From the welcome screen and back to it.

        Raises:
            Broken: something was not as planned.
        """
        if self._visit.fault is not None:
            name, call = self._visit.fault
            assert self._hall.server.faults is not None
            self._hall.server.faults.set(name, call=call, times=1)
        self._begin()
        acted: tuple[str, str] | None = None
        acted_at = time.monotonic()
        while True:
            with suppress(TimeoutError):
                self._hall.next_screen_within(AGAIN)
            shown = self._hall.shown
            state, here = State(shown.state), (shown.state, shown.overlay)
            if here == acted and time.monotonic() - acted_at < AGAIN:
                continue
            if here == acted:
                self.presses_again += state not in BUSY
            else:
                self.states[state] += 1
                if shown.problem:
                    self.problems.append(shown.problem)
            if state is State.WELCOME and len(self.states) > 1:
                break
            if time.monotonic() - self._began > 60:
                raise Broken(f"the visit does not end: {self._told()}")
            acted, acted_at = here, time.monotonic()
            self._act(state, Overlay(shown.overlay))
        if not self.states[self._visit.ends_at]:
            raise Broken(f"never at {self._visit.ends_at.value}: {self._told()}")

    def _told(self) -> str:
        path = ", ".join(state.value for state in self.states)
        return f"{self._visit.kind} went by {path}; problems {self.problems}"

    def _begin(self) -> None:
        self._began = time.monotonic()
        self.states[State.WELCOME] += 1
        if self._visit.staff_mode:
            self._hall.keys(STAFF_KEYS)
        elif self._visit.early:
            self._insert()
        else:
            self._hall.keys("\r")

    def _act(self, state: State, overlay: Overlay) -> None:
        """Do what this customer does on this screen."""
        if overlay is not Overlay.NONE:
            self._close(overlay)
        elif self._visit.at is state and self._deed:
            self._do(self._deed)
        elif self._leaving or state in (
            State.NO_MATCH,
            State.PROBLEM,
            State.TOKEN_REMOVED,
            State.MAIL_BOUNCED,
            State.HOTLINE,
            State.RESULT_UNKNOWN,
        ):
            self._leave(state)
        else:
            self._go_on(state)

    def _close(self, overlay: Overlay) -> None:
        if overlay is Overlay.STAFF_CALL:
            self._hall.touch("StaffCallClosed")
        # Who dawdles lets the question pass.

    def _go_on(self, state: State) -> None:
        hall, visit = self._hall, self._visit
        match state:
            case State.CHOOSE_CASE:
                hall.touch(visit.case)
            case State.INSERT_TOKEN:
                self._insert()
            case State.USERNAME:
                hall.keys(f"{visit.username}\r")
            case State.PIN if self._pins:
                hall.keys(f"{self._pins.pop(0)}\r")
            case State.PIN:
                raise Broken(f"the PIN is asked for once more: {self._told()}")
            case State.PIN_WRONG:
                hall.touch("Retried" if self._pins else "Stopped")
            case State.SENT if self._resends:
                self._resends -= 1
                hall.touch("NoEmailYet")
            case State.SENT:
                hall.touch("Finished")
            case State.TOKEN_STALLED | State.REMOVE_TOKEN:
                self._remove()
            case State.STAFF_LOGIN:
                hall.keys(f"{STAFF_PIN}\r")
            case State.STAFF:
                hall.touch("StaffLeft")
            case State.WELCOME | State.GOODBYE:
                pass
            case _ if state in BUSY:
                pass
            case _:
                self._touch_first(ONWARDS[state])

    def _leave(self, state: State) -> None:
        if state is State.REMOVE_TOKEN or state is State.TOKEN_STALLED:
            self._remove()
        elif state not in BUSY | {State.GOODBYE, State.WELCOME}:
            self._touch_first(LEAVING)

    def _touch_first(self, events: tuple[str, ...]) -> None:
        offered = self._hall.shown.buttons
        event = next((one for one in events if one in offered), None)
        if event is None:
            raise Broken(f"none of {events} on {self._hall.shown}")
        self.orders += event in ("SendConfirmed", "ResendAsked")
        self._hall.touch(event)

    # Deeds

    def _do(self, deed: str) -> None:
        hall = self._hall
        match deed:
            case "leave":
                self._leaving = True
                self._leave(State(hall.shown.state))
            case "dawdle":
                # The question comes over this screen, and nobody answers it.
                return
            case "pull":
                self._deed = ""
                self._remove()
                return
            case "pull at once":
                # Whether the keys before it were in time is a race, so it does not matter.
                self._deed = ""
                self._go_on(State(hall.shown.state))
                self._remove()
                self._leaving = True
                return
            case "call staff":
                self._deed = ""
                hall.keys(F1)
                return
            case "no token":
                self._deed = ""
                hall.touch("NoToken")
                return
            case "language":
                hall.keys(F2 + F3 + F2 + F3)
            case "kill helper":
                for helper in helpers_of(hall.pid):
                    with suppress(ProcessLookupError):
                        os.kill(helper, signal.SIGKILL)
            case "hang":
                hall.card.hang(True)
        self._deed = ""
        if deed != "leave":
            self._go_on(State(hall.shown.state))

    def _insert(self) -> None:
        if not self._inserted:
            self._inserted = True
            self._hall.card.insert(self._visit.token)

    def _remove(self) -> None:
        self._inserted = False
        self._hall.card.remove()
        self._hall.card.hang(False)


def clear_away(hall: Hall) -> None:
    """After a visit that went wrong: no token, no fault, and the welcome screen.

    Raises:
        Broken: the kiosk does not find back to it.
    """
    with suppress(CardUnavailable):
        hall.card.remove()
        hall.card.hang(False)
    assert hall.server.faults is not None
    hall.server.faults.clear()
    deadline = time.monotonic() + 60
    while hall.shown.state != State.WELCOME.value:
        if time.monotonic() > deadline:
            raise Broken(f"the kiosk does not find back: {hall.shown}")
        event = next((one for one in LEAVING if one in hall.shown.buttons), None)
        if event is not None and hall.shown.overlay == Overlay.NONE.value:
            hall.touch(event)
        with suppress(TimeoutError):
            hall.next_screen_within(AGAIN)
