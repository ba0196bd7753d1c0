"""The rooms of the house stay apart."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_import_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _loaded_by(module: str) -> set[str]:
    """Top-level packages that a fresh process holds after importing the module."""
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("kiosk.screens", {"pkcs11", "smartcard", "httpx", "httpcore", "cryptography"}),
        ("kiosk.widgets", {"pkcs11", "smartcard", "httpx", "httpcore", "cryptography"}),
        ("kiosk.app", {"pkcs11", "smartcard", "httpx", "httpcore", "cryptography", "qrcode"}),
        ("kiosk.hardware.readers", {"textual", "rich", "pkcs11", "httpx", "httpcore"}),
        ("kiosk.hardware.token_client", {"textual", "rich", "pkcs11", "httpx", "httpcore"}),
        ("kiosk.hardware.token_helper", {"textual", "rich", "httpx", "httpcore", "smartcard"}),
        # The process that prints a slip loads what draws it, and nobody else.
        ("kiosk.assembly", {"PIL", "escpos", "qrcode"}),
        ("kiosk.printing.helper", {"textual", "rich", "httpx", "smartcard", "pkcs11", "PIL"}),
        ("kiosk.hardware.certificate", {"textual", "rich", "pkcs11", "httpx", "httpcore"}),
        (
            "kiosk.service.client",
            {
                "textual",
                "rich",
                "pkcs11",
                "smartcard",
                "httpx",
                "httpcore",
                "anyio",
                "cryptography",
            },
        ),
    ],
)
def test_a_fresh_process_loads_only_its_own_room(module: str, absent: set[str]) -> None:
    assert not _loaded_by(module) & absent


def test_the_flow_imports_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "kiosk" / "flow.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            assert name.split(".")[0] in sys.stdlib_module_names, name
