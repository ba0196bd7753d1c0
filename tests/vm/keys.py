"""Keys that lead out of other machines, in QEMU's names (QKeyCode)."""

from __future__ import annotations

import re
from pathlib import Path

from tests.vm.waiting import CheckFailed

CONTROL = tuple(
    f"ctrl-{key}"
    for key in (
        *("c", "z", "q", "s", "d", "p", "o", "l", "w", "r", "u", "v", "x", "backslash"),
        *("bracket_right", "esc", "spc", "tab", "f4"),
    )
)
FUNCTION = tuple(f"{modifier}-f{n}" for modifier in ("alt", "ctrl-alt") for n in range(1, 13))
DESKTOP = (
    *("alt-f4", "alt-esc", "ctrl-alt-t", "ctrl-alt-backspace", "meta_l", "meta_r", "meta_l-l"),
    *("meta_l-d", "meta_l-ret", "meta_l-r", "meta_l-tab", "ctrl-alt-esc", "ctrl-shift-esc"),
    *("compose", "sleep", "wake", "print", "pause", "menu"),
)
WITH_ALT = ("alt-tab", "alt-shift-tab", "alt-left", "alt-right", "alt-spc", "alt-ret")
"""A terminal sends Escape and the key for these; the kiosk takes the key."""
SYSRQ = tuple(f"alt-sysrq-{letter}" for letter in "rstukfeimhcobw0189")
"""Documentation/admin-guide/sysrq.rst; b boots, o powers off, c crashes, e and i kill."""
REBOOT = 8 * ("ctrl-alt-delete",)
"""Seven within two seconds are a burst (systemd-system.conf(5), CtrlAltDelBurstAction=)."""

_MODIFIERS = {"Control": "ctrl", "Shift": "shift", "Mod1": "alt", "Mod4": "meta_l"}
_KEYS = {
    "Page_Up": "pgup",
    "Page_Down": "pgdn",
    "KP_Page_Up": "kp_9",
    "KP_Page_Down": "kp_3",
    "plus": "shift-equal",
    "equal": "equal",
    "minus": "minus",
    "KP_Add": "kp_add",
    "KP_Subtract": "kp_subtract",
    "KP_0": "kp_0",
    "KP_Enter": "kp_enter",
    "Insert": "insert",
    "Return": "ret",
    "Escape": "esc",
    "Left": "left",
    "Right": "right",
    "Up": "up",
    "Down": "down",
    "Home": "home",
    "End": "end",
    "BackSpace": "backspace",
    "Delete": "delete",
}
_UNPRESSABLE = {"XF86Copy", "XF86Paste"}
"""On no keyboard that QEMU has."""

_SECTIONS = ("key-bindings", "search-bindings", "url-bindings", "text-bindings")
MEANT_BY_THE_KIOSK = {"ret", "kp_enter", "esc", "left", "right", "up", "down"}
"""Bindings of foot's search mode that are ordinary keys outside of it."""


def foot_bindings(shipped: Path) -> dict[str, list[str]]:
    """What foot binds by default, as its own shipped foot.ini tells: action to combinations.

    Raises:
        CheckFailed: it has a key that has no name here.
    """
    bindings: dict[str, list[str]] = {}
    section = ""
    for line in shipped.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\[([\w-]+)\]", line.strip()):
            section = match[1]
        elif section in _SECTIONS and (match := re.match(r"# ?([^=\s]+)\s*=\s*(.+)", line)):
            action, keys = match[1], match[2]
            if keys.startswith("none") or "[" in action:
                continue
            keys = re.sub(r"\s#.*", "", keys)
            keys = re.sub(r"^\[[^\]]*\]", "", keys)
            found = [_qemu_name(key) for key in keys.split() if key != "none"]
            bindings[f"{section}: {action}"] = [key for key in found if key]
    if "key-bindings: spawn-terminal" not in bindings:
        raise CheckFailed(f"{shipped} names no binding for spawn-terminal")
    return bindings


def _qemu_name(combination: str) -> str:
    *modifiers, key = combination.split("+")
    if key in _UNPRESSABLE:
        return ""
    name = _KEYS.get(key, key.lower() if len(key) == 1 else "")
    if not name or any(one not in _MODIFIERS for one in modifiers):
        raise CheckFailed(f"foot binds {combination!r}, which has no name here")
    return "-".join([*(_MODIFIERS[one] for one in modifiers), name])
