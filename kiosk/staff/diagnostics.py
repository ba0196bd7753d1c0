"""Page 9: what a technician needs to know, in one zip without anybody's personal data."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import platform
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from kiosk import __version__
from kiosk.audit import Record
from kiosk.config import Config
from kiosk.flow import StaffJobAsked, StaffTopic
from kiosk.staff.page import Action, Row, Say, StaffPage, Status
from kiosk.staff.redaction import Redactor, redacted_config
from kiosk.staff.stick import GIVING_BACK, Stick

log = logging.getLogger(__name__)

WORK = 90.0
"""Seconds for gathering and writing."""

DEADLINE = WORK + GIVING_BACK + 5.0
"""Seconds for all of it, after which nobody waits for what came of it."""

DOCTOR_DEADLINE = 45.0

FOLDER = "export"
"""In the state directory: where exports go without a stick."""

KEPT = 5
"""Exports in that folder; the oldest one goes."""

_ON_STICK = Say("staff.export.on_stick")


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Makes the export."""

    config: Config
    config_path: Path
    folder: Path
    audit: Path | None
    """The journal's folder; None: there is no journal."""
    log_lines: Callable[[], tuple[str, ...]]
    stick: Stick
    doctor: tuple[str, ...] = (sys.executable, "-I", "-m", "kiosk", "doctor", "--json")
    """Command of the doctor, without the configuration."""

    async def export(self) -> tuple[Row, ...]:
        """Gather everything, write it to the stick or else to the folder, and say where it is."""
        try:
            async with asyncio.timeout(WORK):
                rows = await self._export()
        except TimeoutError:
            rows = (Row(Say("staff.no_answer"), Status.FAILED),)
        except (OSError, zipfile.LargeZipFile) as error:
            log.warning("an export could not be made: %s", type(error).__name__)
            rows = (Row(Say("staff.export.failed"), Status.FAILED),)
        # Whatever came of it: what is mounted must not be pulled out.
        if self.stick.is_there and self.stick.is_mounted:
            return (*rows, Row(Say("staff.export.leave_in"), Status.WARNING))
        if rows[0].text == _ON_STICK:
            return (*rows, Row(Say("staff.export.pull_out")))
        return rows

    async def _export(self) -> tuple[Row, ...]:
        report = await self._doctor_report()
        content = await asyncio.to_thread(self._zip, report)
        name = f"kiosk-{self.config.kiosk.id}-{datetime.now():%Y%m%d-%H%M%S}.zip"
        notes: tuple[Row, ...] = ()
        if self.stick.is_there:
            async with self.stick.mounted() as mounted:
                written = mounted is not None and await asyncio.to_thread(
                    _write, mounted / name, content
                )
            if written:
                return (Row(_ON_STICK, Status.OK, (name,)),)
            notes = (Row(Say("staff.export.stick_failed"), Status.WARNING),)
        path = self.folder / name
        if not await asyncio.to_thread(self._keep, path, content):
            return (*notes, Row(Say("staff.export.failed"), Status.FAILED))
        return (*notes, Row(Say("staff.export.in_folder"), Status.OK, (str(path),)))

    def _keep(self, path: Path, content: bytes) -> bool:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in sorted(self.folder.glob("kiosk-*.zip"))[: -(KEPT - 1)]:
                old.unlink()
        except OSError as error:
            log.warning("the folder of exports: %s", error.strerror)
            return False
        return _write(path, content)

    def _zip(self, report: Any) -> bytes:
        redactor = Redactor.of(self.config)
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("version.json", _as_json(_version()))
            archive.writestr("config.json", _as_json(redacted_config(self.config)))
            archive.writestr("doctor.json", _as_json(redactor.value(report)))
            lines = "\n".join(redactor.text(line) for line in self.log_lines())
            archive.writestr("log.txt", _as_bytes(lines + "\n"))
            for file in sorted(self.audit.glob("*.jsonl")) if self.audit else ():
                archive.writestr(f"audit/{file.name}", _journal_lines(file))
        return memory.getvalue()

    async def _doctor_report(self) -> Any:
        """What `kiosk doctor --json` says; run as a process, which a deadline can end."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.doctor,
                "--config",
                str(self.config_path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            return {"failed": error.strerror}
        try:
            async with asyncio.timeout(DOCTOR_DEADLINE):
                output, _ = await process.communicate()
            return json.loads(output)
        except TimeoutError:
            return {"failed": "no answer in time"}
        except ValueError:
            return {"failed": f"no JSON, exit code {process.returncode}"}
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def export_page(rows: tuple[Row, ...] | None = None) -> StaffPage:
    """Make the page: how it is done, or what came of it."""
    if rows is None:
        rows = (Row(Say("staff.export.how")), Row(Say("staff.export.content")))
    action = Action(Say("staff.export.do"), StaffJobAsked(StaffTopic.EXPORT))
    return StaffPage(StaffTopic.EXPORT, Say("staff.export.title"), rows, (action,))


def _write(path: Path, content: bytes) -> bool:
    """Write the file whole or not at all."""
    partial = path.with_suffix(".part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        log.warning("an export could not be written: %s", error.strerror)
        try:
            partial.unlink(missing_ok=True)
        except OSError:
            log.warning("half an export is left behind")
        return False
    return True


def _journal_lines(file: Path) -> bytes:
    """The journal as it is, so that its hashes hold; but no line that is none of its own, or
    that has a field which this version does not know to be harmless."""
    kept = []
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError:
        return b""
    for line in lines:
        try:
            msgspec.json.decode(line, type=Record)
            fields = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if fields.keys() <= set(Record.__struct_fields__):
            kept.append(line)
    return b"".join(kept)


def _version() -> dict[str, str]:
    return {
        "kiosk": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _as_json(value: Any) -> bytes:
    return _as_bytes(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _as_bytes(text: str) -> bytes:
    """What others have said may hold half a character, which has no encoding."""
    return text.encode(errors="backslashreplace")
