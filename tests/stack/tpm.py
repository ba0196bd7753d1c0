"""A TPM 2.0 in software with a key in it, as the tpm2-pkcs11 module sees it.

swtpm is the TPM, tpm2-abrmd its resource manager: without one, what the killed helper
leaves in the TPM would stay there, and it has room for three keys.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kiosk.sandbox.pki import PrivateKey
from kiosk.sandbox.processes import wait_for

LIBRARIES = Path("/usr/lib") / (sysconfig.get_config_var("MULTIARCH") or "")
MODULE = LIBRARIES / "pkcs11/libtpm2_pkcs11.so"

_BROKER = Path("/usr/sbin/tpm2-abrmd")

PACKAGES = {
    "dbus-daemon": Path("/usr/bin/dbus-daemon"),
    "libtpm2-pkcs11-1": MODULE,
    "libtpm2-pkcs11-tools": Path("/usr/bin/tpm2_ptool"),
    "libtss2-tcti-tabrmd0": LIBRARIES / "libtss2-tcti-tabrmd.so.0",
    "swtpm": Path("/usr/bin/swtpm"),
    "tpm2-abrmd": _BROKER,
    "tpm2-tools": Path("/usr/bin/tpm2_getcap"),
}
"""The Debian packages it takes, and a file of each."""

_TOKEN = "kiosk"
_START_TIME = 10.0


class Tpm:
    """A running TPM with one PKCS#11 token."""

    def __init__(self, directory: Path, pin: str) -> None:
        self._directory = directory
        self._pin = pin
        self.environment = {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={directory}/bus",
            "TPM2_PKCS11_STORE": f"{directory}/store",
            "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session",
            "TPM2TOOLS_TCTI": "tabrmd:bus_type=session",
        }
        """How the module and the tools find it."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have it run, with the token in it."""
        for name in ("state", "store"):
            (self._directory / name).mkdir()
        socket = f"{self._directory}/tpm"
        with ExitStack() as processes:
            for command in (
                [
                    *("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self._directory}/state"),
                    *("--flags", "not-need-init,startup-clear"),
                    *("--server", f"type=unixio,path={socket}"),
                    *("--ctrl", f"type=unixio,path={socket}.ctrl"),
                ],
                [
                    *("dbus-daemon", "--session", "--nofork"),
                    *("--address", self.environment["DBUS_SESSION_BUS_ADDRESS"]),
                ],
                [
                    *(str(_BROKER), "--session", f"--tcti=swtpm:path={socket}"),
                    *(("--allow-root",) if os.geteuid() == 0 else ()),
                ],
            ):
                processes.enter_context(self._process(command))
                awaited = {"swtpm": f"{socket}.ctrl", "dbus-daemon": f"{self._directory}/bus"}
                if file := awaited.get(command[0]):
                    assert wait_for(Path(file).exists, _START_TIME), self._log
            assert wait_for(self._answers, _START_TIME), self._log
            self._ptool("init")
            pins = ("--sopin", self._pin, "--userpin", self._pin)
            self._ptool("addtoken", "--pid", "1", "--label", _TOKEN, *pins)
            yield

    def put(self, name: str, key: PrivateKey, certificate: x509.Certificate) -> None:
        """Put a key and its certificate on the token."""
        file = self._directory / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        self._ptool(
            *("import", "--label", _TOKEN, "--userpin", self._pin, "--key-label", name),
            *("--algorithm", "rsa", "--privkey", str(file)),
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._ptool("addcert", "--label", _TOKEN, "--key-label", name, str(file))

    def wrong_pins(self) -> int:
        """How many wrong PINs it counts (TPM2_PT_LOCKOUT_COUNTER)."""
        answer = self._run("tpm2_getcap", "properties-variable").stdout
        line = next(one for one in answer.splitlines() if "TPM2_PT_LOCKOUT_COUNTER" in one)
        return int(line.partition(":")[2], 16)

    @contextmanager
    def _process(self, command: list[str]) -> Iterator[None]:
        with (self._directory / "log").open("ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    @property
    def _log(self) -> str:
        return (self._directory / "log").read_text(errors="replace")

    def _answers(self) -> bool:
        return self._run("tpm2_getcap", "properties-fixed", check=False).returncode == 0

    def _ptool(self, *arguments: str) -> None:
        self._run("tpm2_ptool", *arguments)

    def _run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**os.environ, **self.environment},
            check=check,
            capture_output=True,
            text=True,
            timeout=30,
        )
