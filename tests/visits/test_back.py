"""Going back to mend what was typed."""

from __future__ import annotations

from kiosk import flow
from kiosk.flow import State
from kiosk.sandbox.scenario import PIN
from tests.visits.kiosk import Kiosk


async def test_a_mistyped_username_is_mended_from_the_pin(kiosk: Kiosk) -> None:
    await kiosk.to_pin("hoasne")
    kiosk.type_pin("1234")
    kiosk.do(flow.Back())
    assert (kiosk.view.state, kiosk.view.username) == (State.USERNAME, "hoasne")
    assert bytes(kiosk.view.pin._bytes) == bytes(kiosk.view.pin.CAPACITY)
    kiosk.do(flow.UsernameEntered("hoasen"))
    await kiosk.reaches(State.PIN)
    assert not kiosk.view.last_try
    kiosk.type_pin(PIN)
    kiosk.do(flow.PinConfirmed())
    await kiosk.reaches(State.CONFIRM)
    assert kiosk.view.username == "hoasen"


async def test_back_from_the_username_forgets_the_token_and_reads_it_again(kiosk: Kiosk) -> None:
    await kiosk.to_pin()
    kiosk.do(flow.Back(), flow.Back())
    assert kiosk.view.state is State.CHOOSE_CASE
    kiosk.assert_erased()
    kiosk.do(flow.RememberedUsername())
    await kiosk.reaches(State.USERNAME)
    assert kiosk.view.holder is not None
