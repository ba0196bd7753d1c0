"""What the random walks have found, as the short walk that is left of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from kiosk import flow
from kiosk.config import Config, KioskSection, ServiceSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import State
from kiosk.hardware.certificate import TrustStore
from kiosk.sandbox.pki import SandboxPki
from tests.mailboxes import listed_mailboxes
from tests.walks.service import FakeService
from tests.walks.token import WalkDriver, WalkReader
from tests.walks.virtual_time import VirtualTimeLoop


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    return SandboxPki.open(tmp_path_factory.mktemp("found"))


class Kiosk:
    """A kiosk in virtual time: what is done takes a second."""

    def __init__(self, pki: SandboxPki) -> None:
        self.loop = VirtualTimeLoop()
        self.reader = WalkReader()
        self.service = FakeService()
        self.crashes: list[BaseException] = []
        self.controller = Controller(
            Config(kiosk=KioskSection(id="test"), service=ServiceSection(url="https://x.example")),
            self.reader,
            lambda _: None,
            self.crashes.append,
        )
        self.driver = WalkDriver(self.reader, pki)
        trust = TrustStore.load(pki.trust_directory)

        async def start() -> None:
            self.controller.start()
            self.controller.equip(
                Tools(self.driver, trust, self.service, "test", listed_mailboxes())  # type: ignore[arg-type]
            )

        self.loop.run_until_complete(start())

    @property
    def state(self) -> State:
        return self.controller.view.state

    def do(self, *events: flow.Event) -> None:
        async def act() -> None:
            for event in events:
                self.controller.dispatch(event)
            await asyncio.sleep(1)

        self.loop.run_until_complete(act())

    def to_the_token(self, name: str) -> None:
        self.do(flow.Started(), flow.Agreed(), flow.RememberedUsername())
        self.reader.insert(name)
        self.do()

    def close(self) -> None:
        self.loop.run_until_complete(self.controller.stop())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        assert not self.crashes


@pytest.fixture
def kiosk(pki: SandboxPki) -> Iterator[Kiosk]:
    kiosk = Kiosk(pki)
    yield kiosk
    kiosk.close()


def test_nothing_of_the_challenge_stays(kiosk: Kiosk) -> None:
    """Its end, a time, outlived the challenge and the visit."""
    kiosk.to_the_token("hoa-sen")
    kiosk.do(flow.UsernameEntered("hoasen"))
    assert kiosk.controller._visit.challenge_ends
    kiosk.do(flow.Cancelled())
    assert kiosk.state is State.REMOVE_TOKEN
    assert not kiosk.controller._visit.challenge_ends


def test_a_certificate_that_is_not_on_the_token_is_not_chosen(kiosk: Kiosk) -> None:
    """A press that was meant for another token's certificates ended the program."""
    kiosk.to_the_token("two-certificates")
    assert kiosk.state is State.CHOOSE_CERTIFICATE
    kiosk.do(flow.CertificateChosen("0" * 64))
    assert kiosk.state is State.CHOOSE_CERTIFICATE
    assert kiosk.controller.view.holder is None
