"""What a stranger's certificate says, on the real screens: text, and nothing but text."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from kiosk.hardware.certificate import Identity, read_identity
from kiosk.sandbox.pki import SandboxPki
from kiosk.view import CertificateView, ResetView
from tests.screens.gallery import BRANCH, VIEWS, GalleryApp
from tests.terminal.pictures import lines_of, text_of

SHOWN = "[red]A [@click=app.quit]C[/]D E"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    return SandboxPki.open(tmp_path_factory.mktemp("pki"))


def identity_of(pki: SandboxPki, token: str) -> Identity:
    return read_identity(pki.leaf(token)[1].public_bytes(Encoding.DER))


def gallery(name: str, identity: Identity) -> GalleryApp:
    """The screen of this name with what this certificate says."""
    holder = CertificateView(
        identity.fingerprint, identity.organisation, identity.tax_code, date(2027, 6, 30)
    )
    view = VIEWS[name]
    return GalleryApp(
        replace(
            view,
            holder=holder if view.holder else None,
            certificates=(holder, BRANCH) if view.certificates else (),
            reset=ResetView(identity.organisation, identity.tax_code, "k•••••@g••••.com")
            if view.reset
            else None,
        )
    )


@pytest.mark.parametrize("name", ["username", "choose certificate", "confirm"])
@pytest.mark.parametrize("size", [(80, 25), (120, 34)], ids=str)
async def test_a_hostile_name_is_shown_literally(
    pki: SandboxPki, name: str, size: tuple[int, int]
) -> None:
    app = gallery(name, identity_of(pki, "hostile-name"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = "\n".join(text_of(app))
        assert SHOWN in text
        assert not any(unicodedata.category(c).startswith("C") for c in text if c != "\n")
        for line in lines_of(app):
            for segment in line:
                meta = segment.style.meta if segment.style else {}
                assert "@click" not in meta
        y = next(row for row, line in enumerate(text_of(app)) if SHOWN in line)
        await pilot.click(offset=(text_of(app)[y].index(SHOWN) + 10, y))
        assert app.is_running


@pytest.mark.parametrize("name", ["username", "choose certificate", "confirm"])
@pytest.mark.parametrize("size", [(80, 25), (120, 34)], ids=str)
async def test_the_longest_name_pushes_nothing_off_the_screen(
    pki: SandboxPki, name: str, size: tuple[int, int]
) -> None:
    app = gallery(name, identity_of(pki, "long-name"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = "\n".join(text_of(app))
        assert "CÔNG TY RẤT DÀI" in text
        assert "0100000001" in text
        for button in app.screen.query("ActionButton"):
            if not button.has_class("choice"):
                assert app.screen.region.contains_region(button.region), button
