"""No key leads out: after each family of combinations everything is as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from tests.vm import keys
from tests.vm.bench import WELCOME, Bench, Process
from tests.vm.registry import check
from tests.vm.screen import UNKNOWN
from tests.vm.waiting import CheckFailed, wait_until

ENGLISH = ("Reset your VNPT-BHXH password",)
"""On the welcome screen after F2."""

SHELLS = r"sh|bash|dash|login|agetty|su|sudo|xterm|foot|footclient"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What no key may change."""

    boot: str
    processes: tuple[Process, ...]
    terminal: str
    shells: tuple[str, ...]
    text: tuple[str, ...]


def _surroundings(bench: Bench) -> Surroundings:
    # The helper waits for the token in a process of its own, which the kiosk may renew.
    kept = [one for one in bench.processes() if "token_helper" not in one.name]
    shells = bench.machine.shell(
        # The agent's own shell is not counted.
        f"ps -eo pid,ppid,comm --no-headers | awk '$1 != '$$' && $2 != '$$'' | "
        f"grep -E ' ({SHELLS})$' || true"
    )
    return Surroundings(
        bench.boot_id(),
        tuple(kept),
        bench.machine.shell("cat /sys/class/tty/tty0/active").strip(),
        tuple(sorted(" ".join(line.split()) for line in shells.splitlines())),
        tuple(_without_pointer(bench.lines())),
    )


def _without_pointer(lines: list[str]) -> list[str]:
    """A mouse's pointer, which lies over a cell or two, comes and goes."""
    return [" ".join(line.replace(UNKNOWN, " ").split()) for line in lines]


def _difference(before: Surroundings, after: Surroundings) -> str:
    if after.text != before.text:
        changed = [b for a, b in zip(before.text, after.text, strict=True) if a != b]
        return f"the screen shows {changed[:6]}"
    for name in ("boot", "processes", "terminal", "shells"):
        if getattr(before, name) != getattr(after, name):
            return f"{name}: {getattr(before, name)} became {getattr(after, name)}"
    return ""


def _press_all(bench: Bench, families: dict[str, tuple[str, ...]]) -> str:
    """Press each family and compare; returns what was found."""
    faults = []
    before = _surroundings(bench)
    count = 0
    for family, combinations in families.items():
        bench.machine.press(*combinations)
        count += len(combinations)
        # The kiosk has taken these when it has taken one more, which it does something for:
        # F2 twice is the other language and back.
        try:
            _echo(bench)
            after = _surroundings(bench)
            if bench.shows(*ENGLISH):
                # F2 was seen to be released so late that it counted as pressed again.
                bench.press_for("f2", *WELCOME)
                after = _surroundings(bench)
            fault = _difference(before, after)
        except CheckFailed as error:
            fault = str(error)
        if fault:
            faults.append(f"{family}: {fault}")
            bench.keep_picture(f"fault-{family}", f"After {family}")
            bench.at_welcome()
            before = _surroundings(bench)
    if faults:
        raise CheckFailed("; ".join(faults))
    return f"{count} combinations: same screen, processes, terminal and boot, no shell"


def _echo(bench: Bench) -> None:
    for title in (ENGLISH, WELCOME):
        # A press right after another would be taken for its echo.
        time.sleep(0.5)
        bench.press_for("f2", *title, seconds=60)


@check("keys-control", "Ctrl+C, Ctrl+Z, Ctrl+Q, Ctrl+\\ and the like do nothing")
def control(bench: Bench) -> str:
    return _press_all(bench, {"ctrl": keys.CONTROL})


@check("keys-terminals", "Alt+F1 to F12 and Ctrl+Alt+F1 to F12 do nothing")
def terminals(bench: Bench) -> str:
    return _press_all(bench, {"function-keys": keys.FUNCTION})


@check("keys-restart", "Ctrl+Alt+F2 and Alt+F2 while cage is started anew lead nowhere")
def while_restarting(bench: Bench) -> str:
    cage = bench.find("/usr/bin/cage")
    if cage is None:
        raise CheckFailed("no cage is running")
    before = bench.kiosk()
    bench.machine.shell(f"rm -f /run/vnpt-bhxh-kiosk/crashes; kill -9 {cage.pid}")
    pressed = 0
    while bench.find_kiosk() in (None, before):
        bench.machine.press("ctrl-alt-f2", "alt-f2", "ctrl-alt-f3", "alt-right")
        pressed += 4
        active = bench.machine.shell("cat /sys/class/tty/tty0/active").strip()
        if active != "tty1":
            raise CheckFailed(f"{active} is on the screen")
        if pressed > 400:
            raise CheckFailed("the kiosk was not started again")
    bench.await_words(*WELCOME)
    return f"{pressed} combinations from the kill to the next kiosk: tty1 throughout"


@check("keys-desktop", "Alt+F4, Super and other keys of desktops do nothing")
def desktop(bench: Bench) -> str:
    return _press_all(bench, {f"desktop-{key}": (key,) for key in keys.DESKTOP})


@check("keys-alt", "Alt with Tab, Enter and such is the kiosk's own key, and leads nowhere else")
def with_alt(bench: Bench) -> str:
    before = _surroundings(bench)
    bench.machine.press(*keys.WITH_ALT)
    wait_until(lambda: _surroundings(bench).text != before.text, "the kiosk takes none of them", 30)
    after = replace(_surroundings(bench), text=before.text)
    bench.keep_picture("keys-alt", "After Alt+Tab, Alt+Space and Alt+Enter")
    if fault := _difference(before, after):
        raise CheckFailed(fault)
    return "pressed a button of the welcome screen; same processes, terminal and boot, no shell"


@check("keys-sysrq", "Magic SysRq does nothing")
def sysrq(bench: Bench) -> str:
    return _press_all(bench, {f"sysrq-{one[-1]}": (one,) for one in keys.SYSRQ})


@check("keys-reboot", "Ctrl+Alt+Del, also eight times in a row, does nothing")
def reboot(bench: Bench) -> str:
    return _press_all(bench, {"ctrl-alt-del": keys.REBOOT})


@check("keys-foot", "No default binding of foot does anything (Ctrl+Shift+N opens a shell)")
def foot(bench: Bench) -> str:
    bound = keys.foot_bindings(bench.disk.root / "etc/xdg/foot/foot.ini")
    families = {
        action.replace(": ", "-"): tuple(
            one for one in combinations if one not in keys.MEANT_BY_THE_KIOSK
        )
        for action, combinations in bound.items()
    }
    families = {action: combinations for action, combinations in families.items() if combinations}
    return f"{len(families)} actions, {_press_all(bench, families)}"
