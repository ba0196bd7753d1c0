"""What a cell of the fault matrix is walked on: readers, a token, its driver, the kiosk.

Two kinds with the same handles. `CardRig` is all real: pcscd, OpenSC, a virtual card.
`SoftRig` has a fake reader and SoftHSM, for what a virtual reader cannot do and for
everything that is the driver's fault. In both, the driver goes through the misbehaving
module, which spoils calls on order and counts them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kiosk import flow
from kiosk.flow import State
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.readers import PcscWatcher
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from kiosk.sandbox.card import CardControl
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.sandbox.scenario import ACCOUNTS, TOKENS_BY_NAME
from tests.faults.matrix import Step
from tests.faults.misbehaving import Misbehaving
from tests.faults.visitor import Visitor
from tests.stack.parts import CONFIG

PATIENT = Deadlines(open=15, read=15, login=15, sign=15)
"""For whoever does not hang."""
HASTY = Deadlines(open=2.0, read=1.2, login=1.2, sign=1.2)
"""For whoever does."""

HELD = 2500
"""Milliseconds that a call is held: longer than pcscd needs to see a token move."""

HOLD = {
    Step.READING: "C_FindObjectsInit",
    Step.PREPARING: "C_GetTokenInfo",
    Step.LOGIN: "C_Login",
    Step.SIGN: "C_Sign",
}
"""The call in which a working step is held while something else happens."""


class Rig:
    """A kiosk at a step, and the hands of whoever brings it there."""

    def __init__(self, misbehaving: Misbehaving, directory: Path, url: str) -> None:
        self.misbehaving = misbehaving
        self._directory = directory
        self._url = url
        self.visitor: Visitor
        self.token = "hoa-sen"
        """What `insert` puts in."""
        self.pin = "12345678"
        """What the customer types."""
        self.username = ""
        """What the customer types; empty: the first account of the token's organisation."""

    def _watcher(self) -> PcscWatcher | EmbeddedReader:
        raise NotImplementedError

    async def insert(self) -> None:
        """Put the token in."""
        raise NotImplementedError

    async def remove(self) -> None:
        """Take all tokens out."""
        raise NotImplementedError

    async def inserted(self) -> bool:
        """Whether the reader has a token."""
        raise NotImplementedError

    def start(self, family: Family, deadlines: Deadlines) -> None:
        """Switch the kiosk on."""
        self.driver = HelperTokenDriver(
            Catalogue(family),
            deadlines,
            opensc_conf=CONFIG / "opensc.conf",
            extra_env=self.misbehaving.environment,
        )
        self.visitor = Visitor(self._watcher(), self.driver, self._directory, self._url)
        self.visitor.start()

    async def stop(self) -> None:
        """Switch everything off."""
        await self.visitor.controller.stop()

    def enter_username(self) -> None:
        """Type the username of the token's account."""
        tax_code = TOKENS_BY_NAME[self.token.partition(",")[0]].tax_code
        username = self.username or next(a.username for a in ACCOUNTS if a.tax_code == tax_code)
        self.visitor.do(flow.UsernameEntered(username))

    async def approach(self, step: Step) -> None:
        """Bring the customer to the step, or to the brink of it if the machine works there."""
        visitor = self.visitor
        await visitor.reaches(State.WELCOME)
        if step is Step.WELCOME:
            return
        if step is Step.CONSENT:
            await self.insert()
            await visitor.reaches(State.CONSENT)
            await visitor.until(lambda: bool(visitor.readers.cards), "the token")
            return
        visitor.do(flow.Started(), flow.Agreed(), flow.RememberedUsername())
        await visitor.reaches(State.INSERT_TOKEN)
        if step in (Step.INSERT, Step.READING):
            return
        await self.insert()
        await self.to_username()
        if step in (Step.USERNAME, Step.PREPARING):
            return
        await self.to_pin()
        if step in (Step.PIN, Step.LOGIN, Step.SIGN):
            return
        await self.to_confirm()
        if step is Step.CONFIRM:
            return
        if step is Step.SENDING:
            visitor.client.gate.clear()
        visitor.do(flow.SendConfirmed())
        if step is Step.SENDING:
            await visitor.until(lambda: visitor.client.waiting, "the order")
            return
        await visitor.reaches(State.SENT)
        if step is Step.REMOVE:
            visitor.do(flow.Finished())
            await visitor.reaches(State.REMOVE_TOKEN)

    async def to_username(self) -> None:
        """Wait for the token to be read; of several certificates, choose the last."""
        await self.visitor.reaches(State.USERNAME, State.CHOOSE_CERTIFICATE)
        if self.visitor.state is State.CHOOSE_CERTIFICATE:
            self._choose()
            await self.visitor.reaches(State.USERNAME)

    async def to_pin(self) -> None:
        """From the username to the PIN."""
        self.enter_username()
        await self.visitor.reaches(State.PIN, State.LAST_TRY)
        if self.visitor.state is State.LAST_TRY:
            self.visitor.do(flow.Insisted())

    async def to_confirm(self) -> None:
        """From the PIN to the confirm screen."""
        self.visitor.confirm_pin(self.pin)
        await self.visitor.reaches(State.CONFIRM, State.CHOOSE_SIGNER)
        if self.visitor.state is State.CHOOSE_SIGNER:
            self._choose()
            await self.visitor.reaches(State.CONFIRM)

    def _choose(self) -> None:
        self.visitor.do(flow.CertificateChosen(self.visitor.view.certificates[-1].fingerprint))

    async def trigger(self, step: Step) -> None:
        """Let the machine begin to work at this step."""
        match step:
            case Step.READING:
                await self.insert()
            case Step.PREPARING:
                self.enter_username()
            case Step.LOGIN | Step.SIGN:
                self.visitor.confirm_pin(self.pin)

    async def go_on(self, step: Step) -> None:
        """Do what the step asks the customer for."""
        if step is Step.USERNAME:
            self.enter_username()
        elif step is Step.PIN:
            self.visitor.confirm_pin(self.pin)

    async def hold(self, step: Step, meanwhile: Callable[[Any, Step], Awaitable[None]]) -> None:
        """Let the machine begin to work, and do something in the middle of it."""
        function = HOLD[step]
        self.misbehaving.order(function, f"delay {HELD}", times=1)
        await self.trigger(step)
        await self.misbehaving.wait_entered(function)
        await meanwhile(self, step)

    async def trigger_after_login(self, order: Callable[[Misbehaving], None]) -> None:
        """Give an order when the PIN was presented: what is spoilt comes after that."""
        self.misbehaving.order("C_Login", "delay 200", times=1)
        await self.trigger(Step.SIGN)
        await self.misbehaving.wait_entered("C_Login")
        order(self.misbehaving)

    async def leave(self) -> None:
        """End the visit as its screen offers it, take everything out, and wait for the next."""
        visitor = self.visitor
        visitor.client.gate.set()
        for event in (flow.Cancelled, flow.Stopped, flow.Finished, flow.Declined):
            if visitor.state in (State.REMOVE_TOKEN, State.GOODBYE, State.WELCOME):
                break
            if visitor.controller._journey.accepts(event):
                visitor.do(event())
        await self.remove()
        await visitor.reaches(State.WELCOME)
        await visitor.until(lambda: not visitor.readers.cards, "empty readers")
        visitor.assert_erased()


class SoftRig(Rig):
    """A fake reader, SoftHSM."""

    def __init__(self, misbehaving: Misbehaving, directory: Path, url: str) -> None:
        super().__init__(misbehaving, directory, url)
        self.reader = EmbeddedReader()

    def _watcher(self) -> EmbeddedReader:
        return self.reader

    async def insert(self) -> None:
        """See `Rig`."""
        self.reader.appear()
        self.reader.insert(self.token)

    async def remove(self) -> None:
        """See `Rig`."""
        self.reader.remove()

    async def inserted(self) -> bool:
        """See `Rig`."""
        return bool(self.reader.inserted())


class CardRig(Rig):
    """The real pcscd, OpenSC and a virtual card."""

    def __init__(
        self,
        misbehaving: Misbehaving,
        directory: Path,
        url: str,
        card: CardControl,
        second: Callable[[], CardControl],
    ) -> None:
        super().__init__(misbehaving, directory, url)
        self.card = card
        self._second = second
        self.others: list[CardControl] = []
        """Cards in the second reader."""

    def _watcher(self) -> PcscWatcher:
        return PcscWatcher()

    async def insert(self) -> None:
        """See `Rig`."""
        await asyncio.to_thread(self.card.insert, self.token)

    async def remove(self) -> None:
        """See `Rig`."""
        for card in (self.card, *self.others):
            await asyncio.to_thread(card.remove)

    async def inserted(self) -> bool:
        """See `Rig`."""
        return bool(await asyncio.to_thread(self.card.inserted))

    async def insert_second(self) -> None:
        """Put another token into the second reader."""
        other = await asyncio.to_thread(self._second)
        self.others.append(other)
        await asyncio.to_thread(other.insert, "binh-minh")
        await self.visitor.until(lambda: len(self.visitor.readers.cards) == 2, "both tokens")
