"""`kiosk doctor`: units, lock-down, clock, letters, on made machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.audit import Journal
from kiosk.console_font import HEIGHTS, Size
from kiosk.doctor.clock import look_at_clock
from kiosk.doctor.display import (
    look_at_console_font,
    look_at_fonts,
    look_at_language_fonts,
    look_at_locale,
    terminal_font,
    vietnamese_letters,
)
from kiosk.doctor.findings import Status
from kiosk.doctor.lockdown import look_at_lock_down
from kiosk.doctor.machine import (
    CONSOLE_UNIT,
    LOCKDOWN_UNIT,
    RESTART_TIMER,
    UNIT,
    Machine,
    Ran,
    run_program,
)
from kiosk.doctor.units import look_at_unit_files, look_at_units
from kiosk.doctor.visit import look_for_visit
from tests.unit.made_machine import Made, assert_advised, statuses, the


def enabled(*units: str) -> Callable[[tuple[str, ...]], Ran]:
    """What systemctl answers where these units are enabled."""
    return lambda command: Ran(
        0, "".join("enabled\n" if one in units else "disabled\n" for one in command[2:])
    )


def shown(active: str, sub: str, timer: str = "active", lockdown: str = "active") -> Ran:
    return Ran(
        0,
        f"Id={UNIT}\nActiveState={active}\nSubState={sub}\nNRestarts=2\n\n"
        f"Id={CONSOLE_UNIT}\nActiveState={active}\nSubState={sub}\nNRestarts=0\n\n"
        f"Id={LOCKDOWN_UNIT}\nActiveState={lockdown}\nSubState=exited\n\n"
        f"Id={RESTART_TIMER}\nActiveState={timer}\nSubState=waiting\n"
        "NextElapseUSecRealtime=Thu 2026-11-26 03:30:00 +07\n",
    )


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A machine on which all is as the package leaves it."""
    made = Made(tmp_path)
    made.boot()
    made.install()
    made.write("/usr/lib/systemd/system/pcscd.socket", "[Socket]\n")
    for unit in ("getty@tty1.service", "ctrl-alt-del.target"):
        made.link(f"/etc/systemd/system/{unit}", "/dev/null")
    made.write("/proc/sys/kernel/sysrq", "0\n")
    made.write("/proc/sys/kernel/core_pattern", "|/bin/false\n")
    made.write("/proc/swaps", "Filename\t\t\t\tType\t\tSize\n")
    made.write(
        "/usr/lib/systemd/logind.conf.d/vnpt-bhxh-kiosk.conf",
        "[Login]\n#NAutoVTs=6\nNAutoVTs=0\nReserveVT=0\n",
    )
    made.write(
        "/usr/lib/systemd/system.conf.d/vnpt-bhxh-kiosk.conf",
        "[Manager]\nCtrlAltDelBurstAction=none\n",
    )
    made.programs |= {
        "systemctl is-enabled": enabled(UNIT, RESTART_TIMER, "pcscd.socket"),
        "systemctl show": shown("active", "running"),
        "systemd-analyze verify": Ran(0, ""),
        "timedatectl": Ran(0, "Timezone=Asia/Ho_Chi_Minh\nNTP=yes\nNTPSynchronized=yes\n"),
        "locale": Ran(0, "C\nC.utf8\nPOSIX\n"),
        "fc-match": Ran(0, "Noto Sans Mono"),
        "fc-list": Ran(0, "Noto Sans Mono\n"),
    }
    for height in HEIGHTS:
        made.write(f"/usr/share/consolefonts/{Size(height, 1).name}.psf.gz", "")
    return made


def test_a_machine_as_the_package_leaves_it_is_in_order(made: Made) -> None:
    found = [
        *look_at_units(made.machine),
        *look_at_unit_files(made.machine),
        *look_at_lock_down(made.machine),
        *look_at_clock(made.machine),
        *look_at_fonts(made.machine),
        *look_at_locale(made.machine),
        *look_at_console_font(made.machine),
    ]
    assert {one.status for one in found} == {Status.OK}, found
    timer = the("timer", found).text
    assert timer == "night restart: *-*-* 03:30, next on Thu 2026-11-26 03:30:00 +07"
    assert "started again 2 times since the boot" in the("kiosk_unit", found).text


def test_without_the_package(tmp_path: Path) -> None:
    (finding,) = look_at_units(Machine(tmp_path, lambda _: None))
    assert finding.status is Status.FAILED
    assert "vnpt-bhxh-kiosk.service is not installed" in finding.text


def test_a_kiosk_that_is_not_enabled_and_one_that_does_not_run(made: Made) -> None:
    made.programs["systemctl is-enabled"] = enabled()
    found = look_at_units(made.machine)
    assert "the machine boots without the kiosk" in the("kiosk_unit", found).text
    assert statuses(found) == {
        "kiosk_unit": Status.FAILED,
        "switching": Status.OK,
        "timer": Status.WARNING,
        "pcscd_unit": Status.WARNING,
    }
    # The kiosk's own unit wants the socket, so that it is not true that nothing starts it.
    assert the("pcscd_unit", found).text == "pcscd.socket is not enabled"
    made.programs["systemctl is-enabled"] = enabled(UNIT, CONSOLE_UNIT)
    assert "both enabled" in the("kiosk_unit", look_at_units(made.machine)).text
    made.programs["systemctl is-enabled"] = enabled(CONSOLE_UNIT, RESTART_TIMER)
    made.programs["systemctl show"] = shown("failed", "failed", timer="inactive")
    found = look_at_units(made.machine)
    kiosk = the("kiosk_unit", found)
    assert kiosk.status is Status.FAILED
    assert f"{CONSOLE_UNIT} is enabled and failed" in kiosk.text
    assert the("timer", found).status is Status.WARNING
    assert_advised(found)


def test_a_kiosk_that_runs_without_the_lock_down(made: Made) -> None:
    made.programs["systemctl show"] = shown("active", "running", lockdown="inactive")
    found = look_at_units(made.machine)
    assert the("switching", found).status is Status.FAILED
    assert_advised(found)
    # Where no kiosk runs, nothing has to be locked.
    made.programs["systemctl show"] = shown("inactive", "dead", lockdown="inactive")
    assert "switching" not in statuses(look_at_units(made.machine))


def test_a_visit_is_seen_where_the_kiosk_runs(made: Made, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "audit")

    def look() -> str:
        found = look_for_visit(made.machine, journal.directory)
        return found.text if found else ""

    made.programs["systemctl is-active"] = Ran(0, "active\ninactive\n")
    journal.append("started")
    assert look() == ""
    journal.append("visit begun", visit="v")
    journal.append("effect begun", visit="v", effect="read token")
    assert "a customer is being served since 20" in look()
    # What systemd does not tell may be so; a kiosk that does not run serves nobody.
    made.programs["systemctl is-active"] = Ran(None)
    assert "a customer is being served" in look()
    made.programs["systemctl is-active"] = Ran(3, "inactive\nfailed\n")
    assert look() == ""
    made.programs["systemctl is-active"] = Ran(0, "inactive\nactivating\n")
    journal.append("visit ended", visit="v")
    assert look() == ""
    journal.append("visit begun", visit="w")
    journal.append("started")
    assert look() == ""
    journal.close()
    (journal.directory / "audit.jsonl").unlink()
    (journal.directory / "audit.jsonl").mkdir()
    assert "may not see whether it serves" in look()
    made.machine.at("/run/systemd/system").rmdir()
    assert look() == ""


@pytest.mark.parametrize("answer", [shown("activating", "start"), Ran(None), Ran(1, "no bus")])
def test_a_kiosk_that_is_just_being_started_or_of_which_nothing_is_told(
    made: Made, answer: Ran
) -> None:
    made.programs["systemctl show"] = answer
    found = look_at_units(made.machine)
    assert the("kiosk_unit", found).status is Status.WARNING
    assert_advised(found)


@pytest.mark.parametrize("answer", [None, Ran(None), Ran(1, "Failed to connect to bus\n")])
def test_a_systemctl_that_does_not_answer_claims_nothing(made: Made, answer: Ran | None) -> None:
    made.programs["systemctl is-enabled"] = answer
    assert statuses(look_at_units(made.machine)) == {"kiosk_unit": Status.SKIPPED}


def test_the_night_restart_at_another_hour_and_a_unit_that_was_spoilt(made: Made) -> None:
    made.write(
        f"/etc/systemd/system/{RESTART_TIMER}.d/override.conf",
        "[Timer]\nOnCalendar=\nOnCalendar=*-*-* 02:00\n",
    )
    made.programs["systemd-analyze verify"] = Ran(
        1,
        "/lib/systemd/system/other.service:3: Unknown key\n"
        f"/etc/systemd/system/{UNIT}:12: Unknown key name 'Ristart' in section 'Service'\n",
    )
    assert "night restart: *-*-* 02:00" in the("timer", look_at_units(made.machine)).text
    told = the("verify", look_at_unit_files(made.machine)).text
    assert "Unknown key name 'Ristart'" in told
    assert "other.service" not in told
    made.programs["systemd-analyze verify"] = Ran(None)
    assert the("verify", look_at_unit_files(made.machine)).status is Status.SKIPPED


def test_every_way_out_that_is_open_is_told(made: Made) -> None:
    for unit in ("getty@tty1.service", "ctrl-alt-del.target"):
        made.machine.at(f"/etc/systemd/system/{unit}").unlink()
    made.write("/proc/sys/kernel/sysrq", "438\n")
    made.write("/proc/sys/kernel/core_pattern", "core\n")
    made.write("/proc/swaps", "Filename Type\n/dev/zram0 partition 1 0 100\n")
    made.write(f"/etc/systemd/system/{UNIT}.d/debug.conf", "[Service]\nLimitCORE=infinity\n")
    # The technician's file goes before the package's.
    made.write("/etc/systemd/logind.conf.d/vnpt-bhxh-kiosk.conf", "[Login]\nNAutoVTs=6\n")
    made.machine.at("/usr/lib/systemd/system.conf.d/vnpt-bhxh-kiosk.conf").unlink()
    found = look_at_lock_down(made.machine)
    assert_advised(found)
    assert statuses(found) == dict.fromkeys(
        ("masked", "logind", "burst", "sysrq", "core", "swap"), Status.FAILED
    )
    assert sum(one.name == "masked" for one in found) == 2
    text = "\n".join(one.text for one in found)
    for words in ("kernel.sysrq is 438", "NAutoVTs=6, ReserveVT=unset", "/dev/zram0", "infinity"):
        assert words in text


def test_where_systemd_does_not_run_nothing_is_claimed(made: Made) -> None:
    (made.root / "run/systemd/system").rmdir()
    assert statuses(look_at_clock(made.machine)) == {"ntp": Status.SKIPPED}
    assert the("kiosk_unit", look_at_units(made.machine)).text == (
        f"{UNIT} is enabled; systemd does not run here"
    )
    bare = Made(made.root / "bare")
    assert statuses(look_at_lock_down(bare.machine))["sysrq"] is Status.SKIPPED
    assert statuses(look_at_locale(bare.machine)) == {"locale": Status.SKIPPED}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("NTP=no\nNTPSynchronized=no\n", "the clock is not kept by a time server"),
        ("NTP=yes\nNTPSynchronized=no\n", "yet: none has answered since the start"),
    ],
)
def test_a_clock_that_nobody_keeps(made: Made, answer: str, words: str) -> None:
    made.programs["timedatectl"] = Ran(0, f"Timezone=Asia/Ho_Chi_Minh\n{answer}")
    found = look_at_clock(made.machine)
    assert statuses(found) == {"ntp": Status.WARNING, "zone": Status.OK}
    assert words in the("ntp", found).text


@pytest.mark.parametrize(
    ("zone", "status"),
    [
        ("Asia/Ho_Chi_Minh", Status.OK),
        ("Asia/Bangkok", Status.OK),
        ("Etc/UTC", Status.WARNING),
        ("Asia/Shanghai", Status.WARNING),
        ("Asia/Nowhere", Status.WARNING),
        ("../etc/passwd", Status.WARNING),
        ("", Status.WARNING),
    ],
)
def test_the_time_zone_is_vietnams_or_shows_the_same_time(
    made: Made, zone: str, status: Status
) -> None:
    made.programs["timedatectl"] = Ran(0, f"Timezone={zone}\nNTP=yes\nNTPSynchronized=yes\n")
    found = look_at_clock(made.machine)
    assert statuses(found) == {"ntp": Status.OK, "zone": status}
    advice = the("zone", found).advice
    assert ("timedatectl set-timezone Asia/Ho_Chi_Minh" in advice) == (status is Status.WARNING)


def test_the_letters_are_those_of_vietnamese() -> None:
    letters = vietnamese_letters()
    assert len(letters) == len(set(letters)) == 134
    assert set("ăâđêôơưĂÂĐÊÔƠƯỆỹ") < set(letters)


def test_the_font_is_that_of_the_terminal_and_has_to_have_the_letters(made: Made) -> None:
    assert terminal_font(made.machine) == "monospace"
    made.write(
        "/etc/vnpt-bhxh-kiosk/display.ini", "# larger\nfont = Hack:size=20, Other\ndpi-aware=no\n"
    )
    assert terminal_font(made.machine) == "Hack"
    made.programs["fc-match"] = lambda command: Ran(0, command[-1])
    made.programs["fc-list"] = lambda command: Ran(0, "" if "1ebf" in command[1] else "Hack\n")
    (finding,) = look_at_fonts(made.machine)
    assert finding.status is Status.FAILED
    assert finding.text == "font Hack is Hack here, which lacks Vietnamese letters"
    made.programs["fc-list"] = lambda command: Ran(0, "" if "2580" in command[1] else "Hack\n")
    assert statuses(look_at_fonts(made.machine)) == {"fonts": Status.OK, "blocks": Status.WARNING}


def test_a_language_that_customers_can_choose_needs_a_font(made: Made) -> None:
    asked: list[str] = []

    def fonts(command: tuple[str, ...]) -> Ran:
        asked.append(command[1])
        return Ran(0, "" if command[1] == ":lang=ja" else "Noto Sans CJK SC\n")

    made.programs["fc-list"] = fonts
    assert look_at_language_fonts(made.machine, ("vi", "en")) == []
    found = look_at_language_fonts(made.machine, ("vi", "ko", "ja", "zh"))
    assert asked == [":lang=ko", ":lang=ja", ":lang=zh-cn"]
    assert statuses(found) == {
        "fonts_ko": Status.OK,
        "fonts_ja": Status.FAILED,
        "fonts_zh": Status.OK,
    }
    assert "fonts-noto-cjk" in the("fonts_ja", found).advice
    made.programs["fc-list"] = lambda command: Ran(1, "")
    (unknown,) = look_at_language_fonts(made.machine, ("ko",))
    assert unknown.status is Status.WARNING


@pytest.mark.parametrize("program", ["fc-match", "fc-list"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "is not installed"), (Ran(None), "does not answer in time"), (Ran(1), "ended with 1")],
)
def test_a_font_of_which_nobody_can_tell_is_not_said_to_be_in_order(
    made: Made, program: str, answer: Ran | None, words: str
) -> None:
    made.programs[program] = answer
    (finding,) = look_at_fonts(made.machine)
    assert finding.status is Status.WARNING
    assert f"{program} {words}" in finding.text
    assert_advised([finding])


def test_the_font_that_the_package_depends_on_has_all_letters(tmp_path: Path) -> None:
    made = Made(tmp_path)
    machine = Machine(tmp_path, run_program)
    made.write("/etc/vnpt-bhxh-kiosk/display.ini", "font=Noto Sans Mono:size=14\n")
    assert [one.status for one in look_at_fonts(machine)] == [Status.OK]


def test_a_locale_that_is_not_there_or_not_of_utf_8(made: Made) -> None:
    override = f"/etc/systemd/system/{UNIT}.d/lang.conf"
    for name, words in (("vi_VN.UTF-8", "is not on this machine"), ("C", "is not one of UTF-8")):
        made.write(override, f"[Service]\nEnvironment=LANG={name}\n")
        (finding,) = look_at_locale(made.machine)
        assert finding.status is Status.FAILED
        assert words in finding.text


def test_a_program_of_the_machine_that_hangs_or_is_not_there() -> None:
    assert run_program(("sleep", "60"), seconds=0.2) == Ran(None)
    assert run_program(("no-such-program",)) is None
    assert run_program(("sh", "-c", "echo out; echo err >&2; exit 3")) == Ran(3, "out\nerr\n")
