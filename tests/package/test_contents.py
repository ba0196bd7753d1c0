"""What is in the package, and what is not."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.styles.tokens import PALETTES
from tests.package.debian import OF_THE_PACKAGE, REPOSITORY

pytestmark = OF_THE_PACKAGE

HOME = "opt/vnpt-bhxh-kiosk"
SITE = f"{HOME}/lib/python3.13/site-packages"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_the_versions_of_the_lock_file(contents: Path) -> None:
    lock = (REPOSITORY / "scripts" / "lock" / "kiosk.txt").read_text(encoding="utf-8")
    wanted = {
        (name.replace("-", "_"), version)
        for name, version, marker in re.findall(r"^([a-z0-9-]+)==(\S+)(.*)", lock, re.M)
        if "win32" not in marker and name != "setuptools"
    }
    found = {
        tuple(path.name.removesuffix(".dist-info").split("-"))
        for path in (contents / SITE).glob("*.dist-info")
    }
    assert {one for one in found if one[0] != "vnpt_bhxh_kiosk"} == wanted


@pytest.mark.parametrize(
    "absent",
    ["kiosk/sandbox", "pip", "setuptools", "pkg_resources", "starlette", "uvicorn", "pytest"],
)
def test_not_in_it(contents: Path, absent: str) -> None:
    assert (contents / SITE / "kiosk").is_dir()
    assert not (contents / SITE / absent).exists()


def test_nothing_of_the_virtual_card(contents: Path) -> None:
    """Nothing is named after vpcd, which listens on all addresses, and nothing asks for it."""
    control = (contents / "DEBIAN" / "control").read_text(encoding="utf-8")
    assert "vpcd" not in control
    assert "vsmartcard" not in control
    assert not list(contents.rglob("*vpcd*"))


def test_no_file_tells_where_it_was_built(contents: Path) -> None:
    """`/build` is the folder that scripts/build-deb builds in; pip has some below /tmp, and so have
    examples in what Python's `tempfile` says of itself."""
    traces = re.compile(
        rb"/build/source|/wheels/|/tmp/(?:tmp(?!tpu9nin8\b|pbi8f0hy\b)|pip-)[\w.-]+"
        rb"|debian/vnpt-bhxh-kiosk"
    )
    told = {
        str(path.relative_to(contents)): found[0]
        for path in _files(contents)
        if (found := traces.search(path.read_bytes()))
    }
    assert not told


def test_no_private_key(contents: Path) -> None:
    """Not even one that is public anyway, for trying a service out."""
    for path in _files(contents / "usr/share/doc"):
        assert b"PRIVATE KEY" not in path.read_bytes(), path


def test_programs(contents: Path) -> None:
    programs = contents / HOME / "bin"
    assert {path.name for path in programs.iterdir()} == {
        "kiosk",
        "python",
        "python3",
        "python3.13",
    }
    first = (programs / "kiosk").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"#!/{HOME}/bin/python3 -I"
    assert (programs / "python3.13").readlink() == Path("/usr/bin/python3.13")
    assert (contents / "usr/bin/kiosk").readlink() == Path(f"/{HOME}/bin/kiosk")


def test_every_module_is_compiled_for_its_place(contents: Path) -> None:
    """Nobody may write below /opt later, and an uncompiled module is read anew at each start."""
    source = contents / SITE / "kiosk"
    modules = list(source.rglob("*.py"))
    assert len(modules) > 50
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        code = compiled.read_bytes()
        # PEP 552: hash-based, and not compared with the source.
        assert code[4:8] == b"\x01\x00\x00\x00", compiled
        assert f"/{module.relative_to(contents)}".encode() in code


@pytest.mark.parametrize("language", ["vi", "en"])
def test_wording_is_compiled(contents: Path, language: str) -> None:
    """And no catalogue tells when: the same source makes the same package."""
    catalogue = contents / SITE / "kiosk/locale" / language / "LC_MESSAGES/kiosk.mo"
    dates = re.findall(rb"^[A-Z]+-\w+-Date: (.*)$", catalogue.read_bytes(), re.M | re.I)
    assert set(dates) == {b"2026-01-01 00:00+0000"}


def test_style_sheets_are_compiled(contents: Path) -> None:
    """One file for each theme; what is missing is no error, only a slower start."""
    assert len(list((contents / SITE / "kiosk/styles").glob("*.compiled"))) == len(PALETTES)


def test_modules_are_bundled_for_their_place(contents: Path) -> None:
    """What is missing is no error, only a slower start."""
    (bundle,) = (contents / SITE / "kiosk").glob("*.bundle")
    assert bundle.name == "cpython-313.bundle"
    data = bundle.read_bytes()
    for module in ("kiosk/app.py", "kiosk/screens/welcome.py", "textual/app.py"):
        assert f"/{SITE}/{module}".encode() in data, module
    assert b"/usr/lib/python3.13/asyncio/base_events.py" in data


def test_configuration_is_kept_by_dpkg(contents: Path) -> None:
    listed = (contents / "DEBIAN" / "conffiles").read_text(encoding="utf-8").split()
    assert set(listed) == {f"/{path.relative_to(contents)}" for path in _files(contents / "etc")}
    assert "/etc/default/grub.d/vnpt-bhxh-kiosk.cfg" in listed
    names = {path.removeprefix("/etc/vnpt-bhxh-kiosk/") for path in listed}
    assert {"kiosk.toml", "tokens.toml", "webmail.toml", "opensc.conf", "display.ini"} <= names


def test_every_system_file_is_in_it(contents: Path) -> None:
    """A unit or a drop-in that was added to systemd/ and forgotten here would protect nobody."""
    for source in (REPOSITORY / "systemd").rglob("*"):
        if source.is_file() and source.suffix != ".md":
            text = source.read_bytes()
            same = [path for path in _files(contents / "usr") if path.read_bytes() == text]
            assert same, f"{source} is not in the package"


def test_nothing_that_a_page_refers_to_is_missing(contents: Path) -> None:
    folder = contents / "usr/share/doc/vnpt-bhxh-kiosk"
    pages = sorted(folder.rglob("*.md"))
    assert {"install.md", "staff-guide.vi.md"} <= {page.name for page in pages}
    for page in pages:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).is_file(), (page.name, link)


def test_the_boot_menu_is_closed_while_the_kiosk_is_there(contents: Path) -> None:
    """As grub-mkconfig reads it."""
    file = contents / "etc/default/grub.d/vnpt-bhxh-kiosk.cfg"
    script = f"GRUB_TIMEOUT=5; . {file}; set"
    shown = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    assert "GRUB_TIMEOUT='5'" in shown.stdout
    there = file.read_text(encoding="utf-8").replace("/opt/", f"{contents}/opt/")
    script = f"GRUB_TIMEOUT=5; {there}\nset"
    shown = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    assert {line for line in shown.stdout.splitlines() if line.startswith("GRUB_")} == {
        "GRUB_DISABLE_RECOVERY='true'",
        "GRUB_RECORDFAIL_TIMEOUT='0'",
        "GRUB_TIMEOUT='0'",
        "GRUB_TIMEOUT_STYLE='hidden'",
    }


def test_only_root_may_change_anything(contents: Path) -> None:
    for path in contents.rglob("*"):
        if not path.is_symlink():
            about = path.stat()
            assert about.st_uid == 0, path
            assert not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID)
