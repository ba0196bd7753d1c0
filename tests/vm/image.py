"""Builds the machine's disk: a bare Debian 13, the kiosk's package, and what the test adds.

The bare Debian is kept, since nothing of it changes from run to run. The package is installed
with apt, as a technician does it, so that it has to name everything it needs. What the test
adds is a virtual card reader, an agent for looking inside, and the sandbox service's address.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from kiosk.sandbox.scenario import STAFF_PIN_HASH

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"

BARE_DEBIAN = (
    "systemd-sysv",
    "systemd-timesyncd",
    "dbus",
    "libpam-systemd",
    "udev",
    "linux-image-amd64",
    "initramfs-tools",
    "ifupdown",
    "dhcpcd-base",
    "netbase",
    "iproute2",
    "procps",
    "kmod",
    "login",
    "ca-certificates",
)
"""What a machine has on which Debian 13 was installed without any task."""

FOR_THE_TEST = ("python3", "vsmartcard-vpcd")
"""vpcd is never on a kiosk: it listens on all addresses."""

DISK_SIZE = "3G"
SWAP_SIZE = 64 << 20
"""Bytes. Debian's installer makes a swap partition unless it is told not to."""

DISPLAY = (1280, 800)
PIXEL_SIZE = 17

_AGENT_UNIT = """\
[Unit]
Description=Agent of the machine's test
DefaultDependencies=no
After=local-fs.target
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/vm-test-agent.py
Restart=always
RestartSec=1
OOMScoreAdjust=-1000
[Install]
WantedBy=basic.target
"""

_INTERFACES = """\
auto lo
iface lo inet loopback
auto eth0
iface eth0 inet dhcp
"""

CHANGES = {
    "id": '"vm-test"',
    "url": '"{url}"',
    "ca_file": '"service-ca.pem"',
    "health_interval": "10.0",
    "email": '"hotro@vnpt.example"',
    "pin_hash": f'"{STAFF_PIN_HASH}"',
}
"""What the test sets in the shipped configuration."""


class ImageFailed(Exception):
    """The disk could not be made. The message says which step, and its last words."""


@dataclass(frozen=True, slots=True)
class Service:
    """How the machine reaches the sandbox service."""

    url: str
    ca: str
    """PEM."""
    token_authorities: dict[str, str]
    """Name and PEM of the roots and intermediates of the customers' tokens."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that boots, and what the test needs of it beside."""

    file: Path
    swap: Path
    """A second disk, for swap."""
    kernel: Path
    initrd: Path
    root: Path
    """The same files as a folder."""
    versions: dict[str, str]
    """Debian packages that matter, by name."""


def build(state: Path, package: Path, service: Service) -> Disk:
    """Make the disk in the folder `state`; needs root, mmdebstrap and Debian's mirror.

    Raises:
        ImageFailed
    """
    bare = _bare_debian(state)
    root = state / "root"
    _remove(root)
    _run("copying", "cp", "-a", "--reflink=auto", bare, root)
    _install(root, package)
    _configure(root, service)
    _add_agent(root)
    file = state / "disk.raw"
    file.unlink(missing_ok=True)
    _run("mke2fs", "mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, file, DISK_SIZE)
    swap = state / "swap.raw"
    with swap.open("wb") as new:
        new.truncate(SWAP_SIZE)
    _run("mkswap", "mkswap", swap)
    return built(state)


def built(state: Path) -> Disk:
    """The disk that was built there."""
    root = state / "root"
    kernel = max((root / "boot").glob("vmlinuz-*"))
    return Disk(
        file=state / "disk.raw",
        swap=state / "swap.raw",
        kernel=kernel,
        initrd=root / "boot" / kernel.name.replace("vmlinuz", "initrd.img"),
        root=root,
        versions=_versions(root),
    )


def remove(state: Path) -> None:
    """Remove the disk, but keep the bare Debian for the next one."""
    _remove(state / "root")
    for name in ("disk.raw", "swap.raw", "run.qcow2"):
        (state / name).unlink(missing_ok=True)


def _bare_debian(state: Path) -> Path:
    packages = ",".join((*BARE_DEBIAN, *FOR_THE_TEST))
    stamp = hashlib.sha256(packages.encode()).hexdigest()[:12]
    bare = state / f"debian-{stamp}"
    if bare.exists():
        return bare
    making = state / "debian.new"
    _remove(making)
    _run(
        "mmdebstrap",
        *("mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}"),
        *(SUITE, making, MIRROR),
    )
    making.rename(bare)
    return bare


def _install(root: Path, package: Path) -> None:
    """Install the package with apt, without starting anything."""
    inside = root / "root" / package.name
    shutil.copy(package, inside)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    resolver = root / "etc/resolv.conf"
    shutil.copy("/etc/resolv.conf", resolver)
    try:
        _in_root(root, "apt-get", "update", "-qq")
        _in_root(
            root,
            *("apt-get", "install", "-qq", "--yes", "--no-install-recommends"),
            f"/root/{package.name}",
        )
        _in_root(root, "apt-get", "clean")
    finally:
        policy.unlink()
        inside.unlink()
        resolver.unlink()


def _configure(root: Path, service: Service) -> None:
    """Do what a technician does after the installation, with the sandbox in VNPT's place."""
    folder = root / "etc/vnpt-bhxh-kiosk"
    config = folder / "kiosk.toml"
    text = config.read_text(encoding="utf-8")
    for key, value in CHANGES.items():
        line = f"{key} = {value.format(url=service.url)}"
        text, found = re.subn(rf"(?m)^{key} = .*$", lambda _, line=line: line, text)  # type: ignore[misc]
        if found != 1:
            raise ImageFailed(f"{config} has {found} times a key {key}")
    config.write_text(text, encoding="utf-8")
    trust = folder / "trust"
    new = {trust / name: pem for name, pem in service.token_authorities.items()}
    new[folder / "service-ca.pem"] = service.ca
    for path, pem in new.items():
        path.write_text(pem)
        path.chmod(0o644)
    display = folder / "display.ini"
    display.write_text(f"[main]\nfont=Noto Sans Mono:pixelsize={PIXEL_SIZE}\n")
    (root / "etc/hostname").write_text("vm-test\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 vm-test\n")
    (root / "etc/fstab").write_text(
        "/dev/vda / ext4 errors=remount-ro 0 1\n/dev/vdb none swap sw 0 0\n"
    )
    (root / "etc/network/interfaces").write_text(_INTERFACES)
    # An installed machine has one; without it systemd would apply its presets.
    (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")


def _add_agent(root: Path) -> None:
    shutil.copy(Path(__file__).with_name("agent.py"), root / "usr/local/lib/vm-test-agent.py")
    (root / "etc/systemd/system/vm-test-agent.service").write_text(_AGENT_UNIT)
    _in_root(root, "systemctl", "enable", "vm-test-agent.service")


def _versions(root: Path) -> dict[str, str]:
    names = (
        *("vnpt-bhxh-kiosk", "linux-image-amd64", "systemd", "cage", "foot", "pcscd"),
        *("opensc-pkcs11", "seatd", "python3", "polkitd", "base-files"),
    )
    format_ = "-f=${Package}\t${Version}\n"
    listing = _in_root(root, "dpkg-query", "-W", format_, *names, check=False)
    return dict(line.split("\t") for line in listing.splitlines() if "\t" in line)


def _in_root(root: Path, *command: str, check: bool = True) -> str:
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "LANG": "C.UTF-8",
    }
    return _run(command[0], "chroot", root, *command, environment=environment, check=check)


def _run(
    step: str,
    *command: str | Path,
    environment: dict[str, str] | None = None,
    check: bool = True,
) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if check and done.returncode != 0:
        raise ImageFailed(f"{step} failed: {(done.stdout + done.stderr).strip()[-1500:]}")
    return done.stdout


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
