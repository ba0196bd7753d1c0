"""A kiosk and its sandbox service, for visits without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kiosk.sandbox.server.run import SandboxServer
from kiosk.sandbox.server.service import Limits
from tests.visits.kiosk import Kiosk


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture
def server(directory: Path) -> Iterator[SandboxServer]:
    server = SandboxServer(directory, limits=Limits(resend_wait=0))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def kiosk(directory: Path, server: SandboxServer) -> AsyncIterator[Kiosk]:
    kiosk = Kiosk(directory, server.url)
    kiosk.controller.start()
    kiosk.controller.equip(kiosk.tools)
    await asyncio.sleep(0)
    yield kiosk
    await kiosk.controller.stop()
    assert not kiosk.crashes
