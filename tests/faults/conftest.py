"""A module that misbehaves on order, over SoftHSM."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
from tests.faults.misbehaving import Misbehaving, build
from tests.stack.softhsm import MODULE, SoftToken


@pytest.fixture(scope="session")
def misbehaving_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module, compiled."""
    return build(tmp_path_factory.mktemp("misbehaving"))


@pytest.fixture(scope="session")
def soft(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    """The token behind `misbehaving`: one RSA key with its certificate, "rsa"."""
    soft = SoftToken(tmp_path_factory.mktemp("softhsm"))
    soft.add("rsa", rsa.generate_private_key(65537, 2048), "01")
    return soft


@pytest.fixture
def misbehaving(misbehaving_module: Path, soft: SoftToken, tmp_path: Path) -> Misbehaving:
    """A module over SoftHSM that obeys until it is ordered otherwise."""
    return Misbehaving(misbehaving_module, tmp_path, MODULE, soft.environment)


@pytest.fixture
async def make_driver(
    misbehaving: Misbehaving,
) -> AsyncIterator[Callable[..., HelperTokenDriver]]:
    """Makes drivers of these modules, or of the misbehaving one, with deadlines in seconds."""
    made: list[HelperTokenDriver] = []

    def make(*modules: Path, **seconds: float) -> HelperTokenDriver:
        family = Family("default", modules or (misbehaving.module,))
        deadlines = Deadlines(**{"open": 10, "read": 10, "login": 10, "sign": 10, **seconds})
        made.append(
            HelperTokenDriver(Catalogue(family), deadlines, extra_env=misbehaving.environment)
        )
        return made[-1]

    yield make
    for driver in made:
        await driver.close()
