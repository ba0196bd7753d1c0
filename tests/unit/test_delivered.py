"""What a counter gets: the kiosk without its sandbox, on the versions that were tested."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import __version__
from kiosk.cli import _parser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package `kiosk` as it is delivered."""
    folder = tmp_path_factory.mktemp("delivered")
    ignored = shutil.ignore_patterns("sandbox", "__pycache__", "*.bundle")
    shutil.copytree(ROOT / "kiosk", folder / "kiosk", ignore=ignored)
    return folder


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the packages of this one, but without this working copy."""
    path = os.pathsep.join([str(folder), sysconfig.get_path("purelib")])
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_commands_without_the_sandbox(delivered: Path) -> None:
    help_page = _python(delivered, "-m", "kiosk", "--help")
    assert help_page.returncode == 0, help_page.stderr
    assert re.search(r"^ +run ", help_page.stdout, re.M)
    assert re.search(r"^ +doctor ", help_page.stdout, re.M)
    assert "demo" not in help_page.stdout
    assert "sandbox" not in help_page.stdout


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_no_such_command(delivered: Path, command: str) -> None:
    done = _python(delivered, "-m", "kiosk", command)
    assert done.returncode == 2
    assert f"invalid choice: '{command}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_module_loads_without_the_sandbox(delivered: Path) -> None:
    code = (
        "import importlib, pkgutil, kiosk\n"
        "for module in pkgutil.walk_packages(kiosk.__path__, 'kiosk.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print(kiosk.__path__[0])\n"
    )
    done = _python(delivered, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(delivered / "kiosk")


def _locked(name: str) -> dict[str, tuple[str, ...]]:
    """Packages of a lock file, each with its version and hashes."""
    text = (ROOT / "scripts" / "lock" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+)==(\S+)(.*(?:\n    .*)*)", text, re.M)
    return {name: (version, *re.findall(r"sha256:\w+", rest)) for name, version, rest in entries}


@pytest.mark.parametrize("name", ["kiosk", "demo"])
def test_what_is_installed_was_tested(name: str) -> None:
    tested, installed = _locked("test"), _locked(name)
    assert installed.items() <= tested.items()


def test_the_lock_names_what_the_kiosk_needs_and_no_more() -> None:
    locked = _locked("kiosk")
    assert {"textual", "pyscard", "python-pkcs11", "cryptography", "httpcore"} <= locked.keys()
    assert not {"starlette", "uvicorn", "aiosmtpd", "pytest", "babel", "httpx"} & locked.keys()


def test_the_package_has_the_programs_version() -> None:
    first = (ROOT / "debian" / "changelog").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"vnpt-bhxh-kiosk ({__version__}) ")


def test_the_man_page_knows_every_command() -> None:
    page = (ROOT / "debian" / "kiosk.1").read_text(encoding="utf-8")
    told = set(re.findall(r"^\.TP\n\.B ([a-z ]+)$", page, re.M))
    assert told == set(_commands(_parser()))


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every command of a parser but those of the sandbox, such as `config check`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                if name not in ("demo", "sandbox"):
                    deeper = list(_commands(below))
                    yield from (f"{name} {one}" for one in deeper)
                    if not deeper:
                        yield name
