"""What each screen can raise, by keyboard alone and by mouse alone."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from kiosk import flow, problems
from kiosk.flow import Overlay, State
from kiosk.i18n import translator
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.key_grid import KeyGrid
from kiosk.widgets.presses import PRESSES
from tests.screens.gallery import VIEWS, GalleryApp

CUSTOMER_EVENTS = frozenset(
    {
        flow.Started, flow.Agreed, flow.Declined, flow.RememberedUsername, flow.ForgotUsername,
        flow.LookupAsked, flow.UsernameChosen,
        flow.LostMailbox, flow.NoToken, flow.PrintAsked, flow.Back, flow.Cancelled,
        flow.CertificateChosen,
        flow.UsernameEntered, flow.PinConfirmed, flow.Retried, flow.Stopped, flow.Insisted,
        flow.SendConfirmed, flow.NotMyEmail, flow.NoEmailYet, flow.ResendAsked, flow.Finished,
        flow.StaffCalled, flow.StaffCallCancelled, flow.StaffCallClosed, flow.MoreTimeAsked,
        flow.StaffPinEntered, flow.StaffTopicAsked, flow.StaffJobAsked, flow.StaffLeft,
    }
)  # fmt: skip

HOW: MappingProxyType[str, dict[type[flow.Event], str]] = MappingProxyType(
    {
        "welcome": {flow.Started: "welcome.start"},
        "consent": {flow.Agreed: "consent.agree", flow.Declined: "consent.decline"},
        "choose case": {
            flow.RememberedUsername: "case.username",
            flow.ForgotUsername: "case.forgotten",
            flow.LostMailbox: "case.mailbox",
            flow.Back: "button.back",
            flow.Cancelled: "button.cancel",
        },
        "choose case, with lookup": {flow.LookupAsked: "case.look_up"},
        "hotline": {flow.Back: "button.back", flow.Finished: "button.finish"},
        "hotline, lost mailbox": {flow.PrintAsked: "hotline.print"},
        "insert token": {
            flow.NoToken: "insert.none",
            flow.Back: "button.back",
            flow.Cancelled: "button.cancel",
        },
        "several tokens": {flow.Cancelled: "button.cancel"},
        "choose certificate": {flow.CertificateChosen: "", flow.Cancelled: "button.cancel"},
        "choose signer": {flow.CertificateChosen: "", flow.Cancelled: "button.cancel"},
        "username": {
            flow.UsernameEntered: "button.continue",
            flow.ForgotUsername: "username.forgotten",
            flow.Back: "button.back",
            flow.Cancelled: "button.cancel",
        },
        "username, with lookup": {flow.LookupAsked: "username.look_up"},
        "choose username": {flow.UsernameChosen: "", flow.Cancelled: "button.cancel"},
        "PIN": {
            flow.PinConfirmed: "pin.confirm",
            flow.Back: "button.back",
            flow.Cancelled: "button.cancel",
        },
        "PIN on the reader": {flow.PinConfirmed: "pin.confirm", flow.Cancelled: "button.cancel"},
        "PIN wrong": {flow.Retried: "pin_wrong.again", flow.Stopped: "button.stop"},
        "last try": {flow.Insisted: "last_try.insist", flow.Stopped: "button.stop"},
        "no match": {flow.Retried: "no_match.again", flow.Finished: "button.finish"},
        "no match, with lookup": {flow.LookupAsked: "no_match.look_up"},
        "mail bounced": {
            flow.LostMailbox: "mail_bounced.hotline",
            flow.Finished: "button.finish",
        },
        "confirm": {
            flow.SendConfirmed: "confirm.send",
            flow.NotMyEmail: "confirm.not_mine",
            flow.Cancelled: "button.cancel",
        },
        "send failed": {flow.Retried: "button.again", flow.Finished: "button.finish"},
        "result unknown": {flow.Finished: "button.finish"},
        "sent": {flow.NoEmailYet: "sent.nothing", flow.Finished: "sent.done"},
        "no email": {
            flow.ResendAsked: "no_email.send",
            flow.Back: "button.back",
            flow.Finished: "button.finish",
        },
        "resend failed": {flow.Back: "resend_failed.back", flow.Finished: "button.finish"},
        "token removed": {flow.Retried: "token_removed.again", flow.Finished: "button.finish"},
        "token stalled": {flow.Finished: "button.finish"},
        "problem T02": {flow.Retried: "button.again", flow.Finished: "button.finish"},
        "goodbye": {flow.Finished: "goodbye.start"},
        "staff login": {flow.StaffPinEntered: "pin.confirm", flow.StaffLeft: "staff.leave"},
        "staff token": {
            flow.StaffTopicAsked: "staff.menu.health",
            flow.StaffJobAsked: "staff.token.test",
            flow.StaffLeft: "staff.leave",
        },
        "time-out": {flow.MoreTimeAsked: "time_out.more", flow.TimeUp: "button.finish"},
        "staff call": {
            flow.StaffCallClosed: "staff_call.go_on",
            flow.StaffCallCancelled: "staff_call.cancel",
        },
    }
)
"""For each view, the message key of the button that raises each event."""

CASES = [
    pytest.param(name, event, key, id=f"{name}: {event.__name__}")
    for name, row in HOW.items()
    for event, key in row.items()
]


def accepted(view: View) -> set[type[flow.Event]]:
    """The events of customers that the tables take for this view."""
    if view.overlay is not Overlay.NONE:
        return set(flow.OVERLAY_TABLE[view.overlay]) & (CUSTOMER_EVENTS | {flow.TimeUp})
    raised = set(flow.TABLE[view.state])
    if view.state not in flow.STAFF_STATES:
        raised.add(flow.StaffCalled)
    return raised & CUSTOMER_EVENTS


def button(app: GalleryApp, key: str) -> ActionButton:
    buttons = app.screen.query("#actions ActionButton, #body ActionButton").results(ActionButton)
    if app.view.state is State.STAFF:
        # The menu numbers its lines, and a page names its buttons itself.
        words = translator("vi")(key)
        return next(b for b in buttons if words in str(b.content))
    return next(b for b in buttons if b.source == key or (not key and callable(b.source)))


async def fill_in(
    pilot: Pilot[None], app: GalleryApp, event: type[flow.Event], mouse: bool
) -> None:
    """Type what the event needs, with keys or with the keys on the screen."""
    wanted = {flow.UsernameEntered: "hoasen", flow.PinConfirmed: "42"}.get(event)
    if wanted is None or app.view.pin_pad:
        return
    for character in wanted:
        if mouse:
            grid = app.screen.query_one(KeyGrid)
            await pilot.click(grid, offset=grid.centre_of(character))
        else:
            await pilot.press(character)


def check(app: GalleryApp, event: type[flow.Event]) -> None:
    assert [type(raised) for raised in app.raised] == [event]
    if isinstance(app.raised[0], flow.UsernameEntered):
        assert app.raised[0].username == "hoasen"
    if isinstance(app.raised[0], flow.PinConfirmed) and not app.view.pin_pad:
        assert bytes(app.view.pin.view()) == b"77777742"


@pytest.fixture
def view(name: str) -> View:
    view = VIEWS[name]
    if view.state is State.PIN:
        from tests.screens.gallery import typed

        view = replace(view, pin=typed(6))
    return view


@pytest.mark.parametrize(("name", "event", "key"), CASES)
async def test_by_keyboard_alone(view: View, event: type[flow.Event], key: str) -> None:
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)) as pilot:
        await fill_in(pilot, app, event, mouse=False)
        wanted = button(app, key)
        for _ in range(12):
            if app.focused is wanted:
                break
            await pilot.press("tab")
        await pilot.press("enter")
        check(app, event)


@pytest.mark.parametrize(("name", "event", "key"), CASES)
async def test_by_mouse_alone(view: View, event: type[flow.Event], key: str) -> None:
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)) as pilot:
        await fill_in(pilot, app, event, mouse=True)
        assert await pilot.click(button(app, key))
        check(app, event)


ALIKE = {f"problem {problem.code}" for problem in problems.ALL} - {"problem C02", "problem T02"}
"""Views whose screens differ in their words only."""


SHARES = 6
"""These views are looked at in so many tests, so that several processes can share them."""


@pytest.mark.parametrize("number", range(SHARES))
async def test_a_screen_raises_only_what_its_state_takes(number: int) -> None:
    """Presses every button that there is, whatever the tables above say."""
    views = {name: view for name, view in VIEWS.items() if name not in ALIKE}
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test(size=(120, 34)) as pilot:
        for name in list(views)[number::SHARES]:
            view = views[name]
            await app.turn_to(view, anew=True)
            await pilot.pause()
            for pressed in list(app.screen.query(ActionButton)):
                if pressed.display and not (pressed.id or "").startswith("demo-"):
                    pressed.action_press()
                    await pilot.pause()
                    app.journey_screen.show(app.view)
            for key in ("f1", "escape"):
                await pilot.press(key)
                app.journey_screen.show(app.view)
            assert {type(event) for event in app.raised} <= accepted(view), name


def test_every_customer_event_of_the_tables_is_tried() -> None:
    tried: dict[object, set[type[flow.Event]]] = {}
    for name, row in HOW.items():
        view = VIEWS[name]
        place = view.state if view.overlay is Overlay.NONE else view.overlay
        tried.setdefault(place, set()).update(row)
    for state in State:
        wanted = (set(flow.TABLE[state]) & CUSTOMER_EVENTS) - {flow.StaffCalled}
        assert wanted <= tried.get(state, set()), state
    for overlay in (Overlay.TIME_OUT, Overlay.STAFF_CALL):
        wanted = (set(flow.OVERLAY_TABLE[overlay]) & CUSTOMER_EVENTS) - {flow.StaffCalled}
        assert wanted <= tried[overlay]


def test_the_gallery_has_every_state_and_overlay() -> None:
    assert {view.state for view in VIEWS.values()} == set(State)
    assert {view.overlay for view in VIEWS.values()} == set(Overlay)


CALLABLE = {
    (view.state, view.overlay): name
    for name, view in VIEWS.items()
    if flow.StaffCalled in flow.OVERLAY_TABLE[view.overlay] and view.state not in flow.STAFF_STATES
}


@pytest.mark.parametrize("name", CALLABLE.values())
async def test_staff_are_called_by_key_and_by_mouse_from_everywhere(view: View) -> None:
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("f1")
        app.journey_screen.show(view)
        assert await pilot.click("#staff")
    assert [type(event) for event in app.raised] == [flow.StaffCalled] * 2


ESCAPES = {
    "consent": flow.Declined, "choose case": flow.Back, "hotline": flow.Back,
    "insert token": flow.Back, "choose certificate": flow.Cancelled,
    "choose username": flow.Cancelled, "mail bounced": flow.Finished, "username": flow.Back,
    "PIN": flow.Back, "PIN, username looked up": flow.Cancelled,
    "last try": flow.Stopped, "confirm": flow.Cancelled,
    "no email": flow.Back, "time-out": flow.MoreTimeAsked, "staff call": flow.StaffCallClosed,
    "welcome": None, "reading": None, "sent": None, "remove token": None,
}  # fmt: skip


@pytest.mark.parametrize(("name", "event"), ESCAPES.items())
async def test_escape_leads_back_or_out(view: View, event: type[flow.Event] | None) -> None:
    app = GalleryApp(view)
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press("escape")
    assert [type(raised) for raised in app.raised] == ([event] if event else [])


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("welcome", flow.Started),
        ("last try", flow.Stopped),
        ("confirm", flow.SendConfirmed),
        ("time-out", flow.MoreTimeAsked),
        ("problem T02", flow.Retried),
        ("problem C02", flow.StaffCalled),
        ("consent", None),
    ],
)
async def test_enter_does_the_primary_thing_and_never_agrees(
    view: View, event: type[flow.Event] | None
) -> None:
    app = GalleryApp(view)
    async with app.run_test() as pilot:
        await pilot.press("enter")
    assert [type(raised) for raised in app.raised] == ([event] if event else [])


@pytest.mark.parametrize("key", ["x", "7", "f7", "home"])
async def test_any_key_asks_for_more_time(key: str) -> None:
    app = GalleryApp(VIEWS["time-out"])
    async with app.run_test() as pilot:
        await pilot.press(key)
    assert app.raised == [flow.MoreTimeAsked()]


async def test_a_touch_anywhere_asks_for_more_time() -> None:
    app = GalleryApp(VIEWS["time-out"])
    async with app.run_test() as pilot:
        await pilot.click("#body", offset=(1, 1))
    assert app.raised == [flow.MoreTimeAsked()]


async def test_demo_keys_leave_the_time_out_question_alone() -> None:
    app = GalleryApp(replace(VIEWS["time-out"], demo=VIEWS["username, demo"].demo))
    async with app.run_test() as pilot:
        await pilot.press("f5")
        assert (app.asked, app.raised) == (["insert_or_remove"], [])
        await pilot.press("x")
    assert app.raised == [flow.MoreTimeAsked()]


async def test_a_screen_raises_one_event_until_it_is_shown_again() -> None:
    app = GalleryApp(VIEWS["confirm"])
    async with app.run_test() as pilot:
        await pilot.press("enter", "enter", "escape", "f1")
        assert app.raised == [flow.SendConfirmed()]
        app.journey_screen.show(app.view)
        await pilot.press("escape")
    assert app.raised == [flow.SendConfirmed(), flow.Cancelled()]


async def test_the_second_half_of_a_double_tap_does_not_reach_the_next_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from kiosk.screens import screen_for

    monkeypatch.setattr(PRESSES, "double_tap", 60.0)
    app = GalleryApp(VIEWS["no email"])
    async with app.run_test() as pilot:
        await pilot.press("enter")
        await app.switch_screen(screen_for(VIEWS["confirm"]))
        await pilot.press("enter")
        await pilot.click("#actions ActionButton")
    assert app.raised == [flow.ResendAsked()]


@pytest.mark.parametrize(
    ("key", "action"),
    [("f5", "insert_or_remove"), ("f6", "swap"), ("f8", "mailbox"), ("f10", "quit")],
)
async def test_the_demo_strip_by_key_and_by_mouse(key: str, action: str) -> None:
    app = GalleryApp(VIEWS["username, demo"])
    async with app.run_test(size=(80, 25)) as pilot:
        await pilot.press(key)
        assert await pilot.click(f"#demo-{action}")
    assert app.asked == [action, action]
    assert app.raised == []


async def test_without_a_demo_its_keys_do_nothing() -> None:
    app = GalleryApp(VIEWS["welcome"])
    async with app.run_test() as pilot:
        await pilot.press("f5", "f6", "f8", "f10")
        assert not app.screen.query("DemoStrip")
    assert app.asked == []
