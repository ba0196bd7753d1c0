"""The package's life on one machine: installed, set up, upgraded, removed, purged.

The tests go along that life in the order of this file; each step is a fixture.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk import __version__, console_font
from kiosk.console_font import HEIGHTS, Size
from kiosk.doctor.display import vietnamese_letters
from kiosk.styles.tokens import PALETTES
from tests.conftest import FIGURE
from tests.package.debian import (
    OF_THE_PACKAGE,
    REPOSITORY,
    Debian,
    command,
    running_systemd,
)

pytestmark = OF_THE_PACKAGE

UNITS = (
    "vnpt-bhxh-kiosk.service",
    "vnpt-bhxh-kiosk-console.service",
    "vnpt-bhxh-kiosk-lockdown.service",
    "vnpt-bhxh-kiosk-restart.service",
    "vnpt-bhxh-kiosk-restart.timer",
    "vnpt-bhxh-kiosk-swapoff.service",
)
ENABLED = "/etc/systemd/system/multi-user.target.wants/vnpt-bhxh-kiosk.service"
CONSOLE_ENABLED = "/etc/systemd/system/multi-user.target.wants/vnpt-bhxh-kiosk-console.service"
TIMER_ENABLED = "/etc/systemd/system/timers.target.wants/vnpt-bhxh-kiosk-restart.timer"
MASKED = ("/etc/systemd/system/getty@tty1.service", "/etc/systemd/system/ctrl-alt-del.target")
EXPOSURE = 30
"""What `systemd-analyze security` may say of the kiosk at most, in tenths."""


@pytest.fixture(scope="module")
def asked() -> dict[str, list[str]]:
    """What was asked of a running systemd at each step."""
    return {}


@pytest.fixture(scope="module")
def installed(debian: Debian, package: Path, asked: dict[str, list[str]]) -> Debian:
    """The machine with the package. It was installed on a running system."""
    with running_systemd(debian) as asked["installation"]:
        debian.install(package)
    return debian


def test_installed(installed: Debian) -> None:
    assert installed.package_status("vnpt-bhxh-kiosk") == "ii"
    assert installed.must("kiosk", "--version") == f"kiosk {__version__}\n"


def test_the_compiled_style_sheets_fit(installed: Debian) -> None:
    """Those of another Textual, or with other values, would be read anew at each start."""
    program = (
        "from textual.app import App; from kiosk.styles import STYLE_SHEETS; "
        "from kiosk.styles.compiled import CompiledStylesheet; "
        "from kiosk.styles.tokens import themes; app = App(); sheets = CompiledStylesheet()\n"
        "for theme in themes():\n"
        "    app.register_theme(theme); app.theme = theme.name\n"
        "    sheets.set_variables(app.get_css_variables())\n"
        "    print({one.read_text() for one in STYLE_SHEETS} == sheets._compiled.keys())"
    )
    told = installed.must("/opt/vnpt-bhxh-kiosk/bin/python3", "-I", "-c", program)
    assert told.split() == ["True"] * len(PALETTES)


def test_the_bundled_modules_fit(installed: Debian) -> None:
    """Those whose source is another would be looked for at each start."""
    program = (
        "import sys; from kiosk import module_bundle; module_bundle.use()\n"
        "import kiosk.app, kiosk.unattended, kiosk.screens.welcome\n"
        "sys.meta_path[0].code('kiosk.app'), sys.meta_path[0].code('textual.app')\n"
        "kind = lambda module: type(getattr(module, '__loader__', None)).__name__\n"
        "print({name for name, module in sys.modules.items() if kind(module) == 'SourceFileLoader'"
        " and name.partition('.')[0] in ('kiosk', 'textual', 'rich', 'msgspec')})"
    )
    told = installed.must("/opt/vnpt-bhxh-kiosk/bin/python3", "-I", "-c", program)
    assert set(ast.literal_eval(told)) == {"kiosk", "kiosk.module_bundle"}


def test_no_demo_at_a_counter(installed: Debian) -> None:
    assert installed.run("kiosk", "demo").returncode == 2
    for name in ("vsmartcard-vpcd", "vsmartcard-vpicc", "usbguard"):
        assert installed.package_status(name) != "ii", name


def test_nobody_at_the_machine_is_disturbed(asked: dict[str, list[str]], installed: Debian) -> None:
    assert asked["installation"] == []


def test_the_next_boot_leads_to_the_kiosk(installed: Debian) -> None:
    assert installed.exists(ENABLED)
    assert installed.exists(TIMER_ENABLED)
    assert not installed.exists(CONSOLE_ENABLED)
    for link in MASKED:
        assert (installed.folder / link.lstrip("/")).readlink() == Path("/dev/null")


def test_the_kiosks_user(installed: Debian) -> None:
    name, _, _, _, _, home, shell = installed.must("getent", "passwd", "kiosk").strip().split(":")
    assert (name, home, shell) == ("kiosk", "/var/lib/vnpt-bhxh-kiosk", "/usr/sbin/nologin")
    # No password: the field holds what no password becomes.
    assert re.match(r"kiosk:!", installed.must("getent", "shadow", "kiosk"))


def _of_the_configuration(debian: Debian) -> str:
    """Owner, group and mode of the file with the staff PIN's hash."""
    return debian.must("stat", "-c", "%U:%G %a", "/etc/vnpt-bhxh-kiosk/kiosk.toml").strip()


def _asked_for_a_menu(debian: Debian) -> list[str]:
    """Which of the package's scripts have called update-grub; other packages' do so as well."""
    told = [line.split() for line in debian.read("/root/grub").splitlines()]
    return [script for package, script in told if package == "vnpt-bhxh-kiosk"]


def test_the_boot_menu_is_made_anew_and_its_failure_breaks_nothing(installed: Debian) -> None:
    """The stand-in for update-grub fails each time."""
    assert _asked_for_a_menu(installed) == ["postinst"]


def test_who_may_read_what(installed: Debian) -> None:
    configuration = (installed.folder / "etc/vnpt-bhxh-kiosk").stat()
    assert stat.S_IMODE(configuration.st_mode) == 0o750
    assert configuration.st_uid == 0
    state = (installed.folder / "var/lib/vnpt-bhxh-kiosk").stat()
    assert stat.S_IMODE(state.st_mode) == 0o700
    owner = installed.must("stat", "-c", "%U:%G", "/var/lib/vnpt-bhxh-kiosk").strip()
    assert owner == "kiosk:kiosk"
    assert _of_the_configuration(installed) == "root:kiosk 640"
    for place in ("/opt/vnpt-bhxh-kiosk/bin/x", "/etc/vnpt-bhxh-kiosk/x"):
        touched = installed.run(
            "setpriv", "--reuid=kiosk", "--regid=kiosk", "--init-groups", "touch", place
        )
        assert touched.returncode != 0, place


def test_units(installed: Debian) -> None:
    units = sorted(path.name for path in (REPOSITORY / "systemd/system").iterdir())
    assert set(UNITS) <= set(units)
    checked = installed.run(
        "systemd-analyze", "verify", *(f"/usr/lib/systemd/system/{unit}" for unit in units)
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["vnpt-bhxh-kiosk.service", "vnpt-bhxh-kiosk-console.service"])
def test_exposure(installed: Debian, unit: str, record_property: Any) -> None:
    checked = installed.run(
        *("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", unit)
    )
    overall = re.search(r"Overall exposure level for \S+ ([0-9.]+)", checked.stdout)
    assert overall, checked.stdout + checked.stderr
    assert checked.returncode == 0, overall[0]
    record_property(FIGURE, f"exposure of {unit}: {overall[1]}")


def test_settings_of_the_system_are_understood(installed: Debian) -> None:
    """Each program reads the file that is meant for it, and complains of nothing."""
    foot = installed.run("foot", "--check-config", "--config=/usr/share/vnpt-bhxh-kiosk/foot.ini")
    assert (foot.returncode, foot.stderr) == (0, "")
    for source in (REPOSITORY / "systemd/udev/rules.d").iterdir():
        rules = installed.run("udevadm", "verify", f"/usr/lib/udev/rules.d/{source.name}")
        assert rules.returncode == 0, rules.stdout + rules.stderr
    for tool, file in (("sysusers", "sysusers.d"), ("tmpfiles", "tmpfiles.d")):
        shown = installed.must(f"systemd-{tool}", "--cat-config", "vnpt-bhxh-kiosk.conf")
        assert f"/usr/lib/{file}/vnpt-bhxh-kiosk.conf" in shown
    for name, wanted in (("logind.conf", "NAutoVTs=0"), ("system.conf", "CtrlAltDelBurstAction")):
        assert wanted in installed.must("systemd-analyze", "cat-config", f"systemd/{name}")


def test_letters_for_screen_and_console(installed: Debian) -> None:
    assert "NotoSansMono" in installed.must("fc-match", "-f", "%{file}", "Noto Sans Mono")
    needed = {*map(chr, range(33, 127)), *vietnamese_letters(), *"“”…•↑↓→►◄—─│└├╭╮╯╰▀▄█●"}
    for height in HEIGHTS:
        font = console_font.read(
            gzip.decompress(
                (
                    installed.folder / f"usr/share/consolefonts/{Size(height, 1).name}.psf.gz"
                ).read_bytes()
            )
        )
        assert not needed - set("".join(console_font.completed(font).letters)), height


def _doctor(debian: Debian) -> tuple[int, dict[str, Any]]:
    done = debian.run("kiosk", "doctor", "--json")
    assert "Traceback" not in done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def _findings(report: Any) -> Iterator[dict[str, Any]]:
    """Every finding of a report, however deep."""
    if isinstance(report, dict):
        if "status" in report and "name" in report:
            yield report
        for value in report.values():
            yield from _findings(value)
    elif isinstance(report, list):
        for value in report:
            yield from _findings(value)


def _worst(report: dict[str, Any], name: str) -> str:
    found = [one["status"] for one in _findings(report) if one["name"] == name]
    assert found, f"the doctor says nothing of {name}"
    return max(found, key=["ok", "skipped", "warning", "failed"].index)


def test_the_doctor_on_a_machine_that_is_not_set_up(installed: Debian) -> None:
    code, report = _doctor(installed)
    assert code == 1
    # What the package brings is in order, and what only a technician can give is missing.
    for name in ("kiosk_unit", "timer", "masked", "logind", "burst"):
        assert _worst(report, name) == "ok", name
    assert _worst(report, "config") == "failed"
    texts = " ".join(one["text"] for one in _findings(report) if one["status"] == "failed")
    assert "trust" in texts


def test_the_configuration_as_delivered_names_what_is_missing(installed: Debian) -> None:
    checked = installed.run("kiosk", "config", "check")
    assert checked.returncode == 2
    assert "trust" in checked.stderr
    assert "Traceback" not in checked.stderr


@pytest.fixture(scope="module")
def set_up(installed: Debian) -> Debian:
    """The machine as docs/install.md has a technician set it up, but for its service."""
    trust = installed.folder / "etc/vnpt-bhxh-kiosk/trust"
    for name in ("root", "issuing"):
        shutil.copy(REPOSITORY / f"docs/api/vectors/certificates/{name}.pem", trust)
    text = installed.read("/etc/vnpt-bhxh-kiosk/kiosk.toml")
    text = text.replace('id = "kiosk-01"', 'id = "kiosk-hue-02"')
    text = text.replace('url = "https://bhxh-service.invalid"', 'url = "https://bhxh.example"')
    installed.write("/etc/vnpt-bhxh-kiosk/kiosk.toml", text)
    return installed


def test_set_up(set_up: Debian) -> None:
    checked = set_up.must("kiosk", "config", "check")
    assert checked == "/etc/vnpt-bhxh-kiosk/kiosk.toml: in order (2 trusted certificates)\n"
    _, report = _doctor(set_up)
    assert _worst(report, "config") in ("ok", "warning")


@pytest.fixture(scope="module")
def upgraded(
    set_up: Debian,
    contents: Path,
    tmp_path_factory: pytest.TempPathFactory,
    asked: dict[str, list[str]],
) -> Debian:
    """The machine after an upgrade that brings configuration of its own, on the bare console."""
    set_up.write(
        "/etc/vnpt-bhxh-kiosk/tokens.toml",
        set_up.read("/etc/vnpt-bhxh-kiosk/tokens.toml") + "# edited\n",
    )
    set_up.must("systemctl", "disable", UNITS[0])
    set_up.must("systemctl", "enable", UNITS[1])
    newer = tmp_path_factory.mktemp("newer") / "tree"
    shutil.copytree(contents, newer, symlinks=True)
    control = newer / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    control.write_text(text.replace(f"Version: {__version__}", f"Version: {__version__}+1"))
    for name in ("kiosk.toml", "display.ini"):
        with (newer / "etc/vnpt-bhxh-kiosk" / name).open("a", encoding="utf-8") as file:
            file.write("# newer\n")
    package = newer.parent / "newer.deb"
    command("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", newer, package)
    with running_systemd(set_up) as asked["upgrade"]:
        set_up.install(package, "-o", "Dpkg::Options::=--force-confold")
    return set_up


def test_an_upgrade_keeps_what_was_edited(upgraded: Debian) -> None:
    version = upgraded.must("dpkg-query", "-W", "-f", "${Version}", "vnpt-bhxh-kiosk")
    assert version == f"{__version__}+1"
    assert 'id = "kiosk-hue-02"' in upgraded.read("/etc/vnpt-bhxh-kiosk/kiosk.toml")
    assert upgraded.read("/etc/vnpt-bhxh-kiosk/tokens.toml").endswith("# edited\n")
    assert upgraded.exists("/etc/vnpt-bhxh-kiosk/trust/root.pem")
    assert "in order" in upgraded.must("kiosk", "config", "check")


def test_an_upgrade_keeps_the_hash_private(upgraded: Debian) -> None:
    assert _of_the_configuration(upgraded) == "root:kiosk 640"


def test_an_upgrade_brings_what_was_not_edited(upgraded: Debian) -> None:
    assert upgraded.read("/etc/vnpt-bhxh-kiosk/display.ini").endswith("# newer\n")
    assert upgraded.read("/etc/vnpt-bhxh-kiosk/kiosk.toml.dpkg-dist").endswith("# newer\n")


def test_an_upgrade_keeps_the_bare_console(upgraded: Debian) -> None:
    assert upgraded.exists(CONSOLE_ENABLED)
    assert not upgraded.exists(ENABLED)


def test_an_upgrade_restarts_only_what_runs(asked: dict[str, list[str]], upgraded: Debian) -> None:
    assert asked["upgrade"] == [f"try-restart {UNITS[0]} {UNITS[1]}"]


@pytest.fixture(scope="module")
def removed(upgraded: Debian, asked: dict[str, list[str]]) -> Debian:
    """The machine after the package's removal."""
    upgraded.must("mkdir", "/media/vnpt-bhxh-kiosk")
    with running_systemd(upgraded) as asked["removal"]:
        upgraded.must("apt-get", "remove", "-y", "vnpt-bhxh-kiosk")
    return upgraded


def test_a_removal_leaves_configuration_alone(removed: Debian) -> None:
    assert removed.package_status("vnpt-bhxh-kiosk") == "rc"
    assert 'id = "kiosk-hue-02"' in removed.read("/etc/vnpt-bhxh-kiosk/kiosk.toml")
    assert removed.exists("/var/lib/vnpt-bhxh-kiosk/audit")


def test_a_removal_gives_the_machine_back(asked: dict[str, list[str]], removed: Debian) -> None:
    (stopped,) = asked["removal"]
    assert stopped.startswith("stop ")
    # The lock-down is lifted by a program of the package, so while that is still there.
    assert set(stopped.split()[1:]) == {
        *("vnpt-bhxh-kiosk.service", "vnpt-bhxh-kiosk-console.service"),
        *("vnpt-bhxh-kiosk-restart.timer", "vnpt-bhxh-kiosk-lockdown.service"),
    }
    assert not removed.exists("/opt/vnpt-bhxh-kiosk")
    assert not removed.exists("/usr/bin/kiosk")
    assert _asked_for_a_menu(removed) == ["postinst", "postinst", "postrm"]
    for link in MASKED:
        assert not removed.exists(link)


@pytest.fixture(scope="module")
def purged(removed: Debian) -> Debian:
    """The machine after the package was purged."""
    removed.must("dpkg", "--purge", "vnpt-bhxh-kiosk")
    return removed


def test_a_purge_leaves_nothing(purged: Debian) -> None:
    assert purged.package_status("vnpt-bhxh-kiosk") == ""
    left = purged.must(
        *("find", "/etc", "/media", "/run", "/srv", "/usr", "/var", "-xdev"),
        *("-name", "*vnpt-bhxh-kiosk*", "-not", "-path", "/var/cache/apt/*"),
    )
    assert left == ""
    assert not purged.exists("/opt/vnpt-bhxh-kiosk")
    for link in (ENABLED, CONSOLE_ENABLED, TIMER_ENABLED, *MASKED):
        assert not purged.exists(link), link


def test_rules_for_usbguard(purged: Debian) -> None:
    """Not part of the machine above: USBGuard is the technician's to install."""
    purged.apt_install("usbguard")
    rules = purged.folder / "root" / "rules.conf"
    shutil.copy(REPOSITORY / "systemd/usbguard/rules.conf", rules)
    purged.must("usbguard-rule-parser", "-f", "/root/rules.conf")
