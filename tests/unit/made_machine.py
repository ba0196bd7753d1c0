"""A made machine for the doctor's checks: a folder, and programs with made answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.doctor.findings import Finding, Status
from kiosk.doctor.machine import Machine, Ran

ROOT = Path(__file__).parents[2]

PACKAGE = {
    "systemd/system": "/usr/lib/systemd/system",
    "systemd/foot/foot.ini": "/usr/share/vnpt-bhxh-kiosk/foot.ini",
}
"""Files of the repository, and where the package has them."""

Answer = Ran | Callable[[tuple[str, ...]], Ran | None] | None


class Made:
    """A machine that a test furnishes. Programs that are not named are not installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs: dict[str, Answer] = {}
        self.asked: list[tuple[str, ...]] = []
        self.machine = Machine(root, self.run)

    def run(self, command: tuple[str, ...]) -> Ran | None:
        self.asked.append(command)
        # The longest beginning that is named counts: `systemctl is-enabled` before `systemctl`.
        for length in (3, 2, 1):
            name = " ".join(command[:length])
            if name in self.programs:
                answer = self.programs[name]
                return answer(command) if callable(answer) else answer
        return None

    def write(self, path: str, text: str) -> Path:
        file = self.machine.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def link(self, path: str, target: str) -> None:
        file = self.machine.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def boot(self) -> None:
        self.machine.at("/run/systemd/system").mkdir(parents=True)

    def install(self) -> None:
        """Put the package's own files where the package does."""
        for source, target in PACKAGE.items():
            found = ROOT / source
            for file in sorted(found.iterdir()) if found.is_dir() else [found]:
                place = f"{target}/{file.name}" if found.is_dir() else target
                self.write(place, file.read_text(encoding="utf-8"))


def statuses(findings: list[Finding]) -> dict[str, Status]:
    """The worst status under each name."""
    found: dict[str, Status] = {}
    order = (Status.SKIPPED, Status.OK, Status.WARNING, Status.FAILED)
    for one in findings:
        found[one.name] = max(found.get(one.name, Status.SKIPPED), one.status, key=order.index)
    return found


def the(name: str, findings: list[Finding]) -> Finding:
    """The one finding of this name."""
    (found,) = [one for one in findings if one.name == name]
    return found


def assert_advised(findings: list[Finding]) -> None:
    """Whatever is not in order comes with what to do, in it or in its parts."""
    for one in findings:
        if one.status in (Status.FAILED, Status.WARNING):
            assert one.advice or any(part.advice for part in one.parts), one
        assert_advised(list(one.parts))
