"""What the readers show, as events of the journey: which token came, went, or is one too many.

State is reconciled, events are not counted: PC/SC reports what is there, not what happened.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk import problems
from kiosk.flow import (
    Event,
    Failed,
    Journey,
    SeveralTokensSeen,
    State,
    TokenInserted,
    TokenRemoved,
    TokenReplaced,
)
from kiosk.hardware.readers import Card, ReaderState
from kiosk.session import Visit


class TokenWatch:
    """Compares the readers with what the journey and its visit hold true."""

    def __init__(
        self,
        journey: Journey,
        visit: Callable[[], Visit],
        dispatch: Callable[[Event], None],
        *,
        fixed_reader: bool,
    ) -> None:
        self._journey = journey
        self._visit = visit
        self._dispatch = dispatch
        self._fixed_reader = fixed_reader
        self._stalled: Card | None = None
        self.readers = ReaderState(available=True)
        """The newest state."""

    def changed(self, state: ReaderState) -> None:
        """Take a new state of the readers."""
        before, self.readers = self.readers, state
        if not state.available:
            self._pcsc_lost()
        elif self._visit().card is not None:
            if self.card_is_gone():
                replaced = state.cards and self._journey.accepts(TokenReplaced)
                self._dispatch(TokenReplaced() if replaced else TokenRemoved())
            elif self.has_company():
                self._dispatch(SeveralTokensSeen())
        elif self._journey.state is State.WELCOME:
            known = set(map(_key, before.cards))
            if any(_key(card) not in known for card in state.cards):
                self._dispatch(TokenInserted())
        elif self._journey.state in (State.INSERT_TOKEN, State.SEVERAL_TOKENS):
            self.look_for_token()
        elif self._journey.state is State.TOKEN_STALLED:
            self.look_for_removal()
        if self._journey.state is State.REMOVE_TOKEN:
            self.look_for_removal()

    def card_stalled(self) -> None:
        """The visit's card does not answer, and has to be taken out."""
        if self._visit().card is not None:
            self._stalled = self._visit().card

    def card_is_gone(self) -> bool:
        """Whether the visit is bound to a card that is not in its reader any more."""
        card = self._visit().card
        return card is not None and _key(card) not in map(_key, self.readers.cards)

    def has_company(self) -> bool:
        """Whether there is a second token beside the visit's, at a step where that matters."""
        bound = self._visit().card is not None
        return bound and len(self.readers.cards) > 1 and self._journey.accepts(SeveralTokensSeen)

    def look_for_token(self) -> None:
        """Bind the visit to the token that is in, or say why that cannot be."""
        cards = self.readers.cards
        if not self.readers.available:
            self._dispatch(Failed(problems.KIOSK_PCSC_DOWN.code))
        elif len(cards) > 1:
            if self._journey.accepts(SeveralTokensSeen):
                self._dispatch(SeveralTokensSeen())
        elif cards and cards[0].mute:
            self._dispatch(Failed(problems.TOKEN_NOT_RECOGNISED.code))
        elif cards:
            self._visit().card = cards[0]
            self._dispatch(TokenInserted())
        elif self._journey.accepts(TokenRemoved):
            self._dispatch(TokenRemoved())
        elif self._fixed_reader and not self.readers.readers:
            self._dispatch(Failed(problems.KIOSK_NO_READER.code))

    def look_for_removal(self) -> None:
        """Tell if what has to be taken out is out."""
        cards = self.readers.cards
        if not self.readers.available:
            self._pcsc_lost()
        elif self._journey.state is State.TOKEN_STALLED and self._stalled is not None:
            # Others may be in: only the one that stalled has to go.
            if _key(self._stalled) not in map(_key, cards):
                self._dispatch(TokenRemoved())
        elif not cards:
            self._dispatch(TokenRemoved())

    def _pcsc_lost(self) -> None:
        state = self._journey.state
        if state is State.REMOVE_TOKEN:
            self._dispatch(TokenRemoved())
        elif state is State.INSERT_TOKEN or self._journey.accepts(TokenRemoved):
            self._dispatch(Failed(problems.KIOSK_PCSC_DOWN.code))


def _key(card: Card) -> tuple[str, int]:
    """Tells two stays of a card in a reader apart."""
    return card.reader, card.insertions
