"""What has to be installed for the benchmark."""

from __future__ import annotations

import shutil
from pathlib import Path

from kiosk.sandbox.processes import pcscd_command
from tests.speed.figures import PeerMissing
from tests.stack.parts import VPCD

MODULE = Path("/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so")
"""OpenSC's, which the kiosk loads for tokens of no family."""


def require(program: str, package: str) -> str:
    """Path of a program that the kiosk is measured against.

    Raises:
        PeerMissing: it is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise PeerMissing(f"{program} is not installed (Debian's package {package})")
    return path


def require_pcscd() -> list[str]:
    """How to run a pcscd that has a virtual reader.

    Raises:
        PeerMissing
    """
    program = pcscd_command()
    if not program:
        raise PeerMissing("pcscd is not installed (Debian's package pcscd)")
    if not VPCD.exists():
        raise PeerMissing(f"{VPCD} is not there (Debian's package vsmartcard-vpcd)")
    return program


def require_opensc() -> str:
    """Path of pkcs11-tool, where the module is installed that it is run with.

    Raises:
        PeerMissing
    """
    if not MODULE.exists():
        raise PeerMissing(f"{MODULE} is not there (Debian's package opensc-pkcs11)")
    return require("pkcs11-tool", "opensc")
