"""The journey's table: nothing but the table moves it, and every way leads to an end."""

from __future__ import annotations

import dataclasses

import pytest

from kiosk import flow, problems
from kiosk.flow import (
    IDLE_STATES,
    OVERLAY_TABLE,
    STAFF_STATES,
    TABLE,
    Effect,
    Event,
    Journey,
    Overlay,
    State,
    UnexpectedEvent,
)


def _all_events() -> list[type[Event]]:
    found: list[type[Event]] = []

    def collect(kind: type[Event]) -> None:
        for child in kind.__subclasses__():
            if child is not flow.ProblemEvent:
                found.append(child)
            collect(child)

    collect(Event)
    # A slotted dataclass leaves the class it was made from behind.
    return [kind for kind in found if getattr(flow, kind.__name__) is kind]


def _example(kind: type[Event]) -> Event:
    values = {
        "problem": problems.TOKEN_STALLED.code,
        "username": "hoasen",
        "fingerprint": "00" * 32,
        "topic": flow.StaffTopic.CODES,
        "part": "K01",
    }
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: values[name] for name in names})


EVENTS = _all_events()


def test_the_list_of_events_is_whole() -> None:
    used = {event for row in TABLE.values() for event in row}
    used |= {event for row in OVERLAY_TABLE.values() for event in row}
    assert used == set(EVENTS)


def test_every_state_has_a_row() -> None:
    assert set(TABLE) == set(State)
    assert set(OVERLAY_TABLE) == set(Overlay)


@pytest.mark.parametrize("overlay", Overlay, ids=lambda o: o.name)
@pytest.mark.parametrize("state", State, ids=lambda s: s.name)
def test_every_pair_is_in_the_table_or_raises_and_changes_nothing(
    state: State, overlay: Overlay
) -> None:
    for kind in EVENTS:
        journey = Journey(state)
        journey.overlay = overlay
        journey.problem = "T01"
        overlay_event = kind in Journey.OVERLAY_EVENTS
        known = kind in (OVERLAY_TABLE[overlay] if overlay_event else TABLE[state])
        if kind in (flow.IdleElapsed, flow.TimeUp):
            known = known and state in IDLE_STATES
        if overlay_event and state in STAFF_STATES:
            known = False
        assert journey.accepts(kind) is known
        if not known:
            with pytest.raises(UnexpectedEvent):
                journey.handle(_example(kind))
            assert (journey.state, journey.overlay, journey.problem) == (state, overlay, "T01")
        elif overlay_event:
            row = OVERLAY_TABLE[overlay][kind]
            assert journey.handle(_example(kind)) == row.effects
            assert journey.overlay is row.to
            assert journey.state is (State.REMOVE_TOKEN if row.ends_visit else state)
        else:
            row = TABLE[state][kind]
            assert journey.handle(_example(kind)) == row.effects
            assert journey.state is row.to


def _reachable(start: State) -> set[State]:
    seen, todo = {start}, [start]
    while todo:
        for row in TABLE[todo.pop()].values():
            if row.to not in seen:
                seen.add(row.to)
                todo.append(row.to)
    return seen


@pytest.mark.parametrize("state", State, ids=lambda s: s.name)
def test_every_state_leads_to_the_end_and_is_reached(state: State) -> None:
    assert State.WELCOME in _reachable(state)
    assert state in _reachable(State.WELCOME)


def test_a_visit_ends_only_by_removing_the_token() -> None:
    """Whatever happens, the visit is erased before anybody sees the welcome screen again."""
    for state, row in TABLE.items():
        for transition in row.values():
            if transition.to is State.GOODBYE:
                assert state is State.REMOVE_TOKEN
            if transition.to is State.REMOVE_TOKEN:
                assert Effect.ERASE_VISIT in transition.effects
                assert Effect.AWAIT_REMOVAL in transition.effects
            if transition.to is State.WELCOME:
                assert state in {State.GOODBYE, State.OUT_OF_SERVICE, *STAFF_STATES}


def test_the_mail_is_sent_only_after_the_customer_confirmed_and_the_service_verified() -> None:
    for state, row in TABLE.items():
        for kind, transition in row.items():
            if Effect.SEND in transition.effects:
                assert (state, kind) in {
                    (State.CONFIRM, flow.SendConfirmed),
                    (State.SEND_FAILED, flow.Retried),
                }
            if transition.to is State.CONFIRM:
                assert kind is flow.ProofAccepted


def test_a_pin_is_tried_only_when_confirm_was_pressed() -> None:
    for state, row in TABLE.items():
        for kind, transition in row.items():
            if Effect.PROVE in transition.effects:
                assert (state, kind) == (State.PIN, flow.PinConfirmed)


def test_pulling_the_token_before_sending_drops_it_and_after_sending_changes_nothing() -> None:
    before = [
        State.READING,
        State.CHOOSE_CERTIFICATE,
        State.USERNAME,
        State.PREPARING,
        State.PIN,
        State.VERIFYING,
        State.PIN_WRONG,
        State.LAST_TRY,
        State.NO_MATCH,
        State.CONFIRM,
        State.SEND_FAILED,
    ]
    for state in before:
        row = TABLE[state][flow.TokenRemoved]
        assert row.to is State.TOKEN_REMOVED
        assert row.effects == (Effect.DROP_TOKEN,)
    for state in (State.SENDING, State.SENT, State.RESULT_UNKNOWN, State.RESENDING):
        assert flow.TokenRemoved not in TABLE[state]


def test_a_problem_keeps_its_code_only_while_it_is_shown() -> None:
    journey = Journey(State.READING)
    journey.handle(flow.Failed(problems.CERTIFICATE_MISSING.code))
    assert journey.problem == problems.CERTIFICATE_MISSING.code
    journey.handle(flow.Finished())
    assert journey.problem is None


def test_the_time_out_question_ends_the_visit_or_shows_the_step_again() -> None:
    journey = Journey(State.PIN)
    journey.handle(flow.IdleElapsed())
    assert (journey.state, journey.overlay) == (State.PIN, Overlay.TIME_OUT)
    journey.handle(flow.MoreTimeAsked())
    assert (journey.state, journey.overlay) == (State.PIN, Overlay.NONE)
    journey.handle(flow.IdleElapsed())
    assert Effect.ERASE_VISIT in journey.handle(flow.TimeUp())
    assert (journey.state, journey.overlay) == (State.REMOVE_TOKEN, Overlay.NONE)


@pytest.mark.parametrize("username", ["", "  ", " a", "a ", "e\u0302"])
def test_a_username_is_trimmed_and_composed(username: str) -> None:
    with pytest.raises(ValueError, match="NFC"):
        flow.UsernameEntered(username)


def test_no_event_shows_the_username() -> None:
    assert "hoasen" not in repr(flow.UsernameEntered("hoasen"))


def test_problem_codes_are_stable() -> None:
    codes = [problem.code for problem in problems.ALL]
    assert len(set(codes)) == len(codes)
    assert len({problem.key for problem in problems.ALL}) == len(codes)
