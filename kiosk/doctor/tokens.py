"""The check of `kiosk doctor --token`: every token that is in, as the kiosk sees it."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime

from kiosk import problems
from kiosk.assembly import Settings
from kiosk.doctor.findings import Finding, Report, Status
from kiosk.doctor.modules import Bench, check_module
from kiosk.doctor.pcsc import START_PCSCD
from kiosk.doctor.verdict import ReadingTools, try_token, without_token
from kiosk.hardware.card_names import CardNames
from kiosk.hardware.catalogue import Catalogue
from kiosk.hardware.readers import Card, ReaderState, ReaderWatcher
from kiosk.hardware.token_client import HelperTokenDriver
from kiosk.hardware.unknown_tokens import notation
from kiosk.text import clean_text

PATIENCE = 2.0
"""Seconds to wait for a token to show: pcscd may just have been started by the question."""

_NAMES_SHOWN = 3


async def check_tokens(
    settings: Settings,
    watcher: ReaderWatcher,
    driver: HelperTokenDriver,
    progress: Callable[[str], None] = lambda _text: None,
    names: CardNames | None = None,
) -> Report:
    """Look at PC/SC and at every token that is in. Nobody logs in, nothing is written.

    Args:
        settings: the kiosk's.
        watcher: not started yet.
        driver: of this catalogue; it is closed afterwards.
        progress: told what takes its time.
        names: of cards.

    Raises:
        ConfigError: the trusted certificates cannot be loaded.
    """
    names = names or CardNames()
    fixed_reader = settings.config.hardware.fixed_reader
    readers = _Readers(watcher)
    try:
        tools = ReadingTools(driver, settings.trust(), lambda: datetime.now(UTC))
        state = await readers.settled()
        findings = [_readers(state)]
        conclusion = without_token(state, fixed_reader=fixed_reader)
        for card in state.cards:
            progress(f"reading the token in {clean_text(card.reader, 100)}")
            finding, verdict = await _token(card, settings.catalogue, tools, names, progress)
            findings.append(finding if conclusion is None else _alone(finding, verdict))
            if len(state.cards) == 1:
                conclusion = verdict
        if readers.lost(state):
            conclusion = without_token(readers.state, fixed_reader=fixed_reader)
            if readers.state.available:
                conclusion = _moved()
    finally:
        readers.stop()
        await driver.close()
    findings.append(_came_by(settings, names))
    if conclusion is None:
        raise RuntimeError("no token, and no conclusion without one")
    return Report(f"--token (configuration {settings.path})", tuple(findings), conclusion)


class _Readers:
    """What a watcher tells, in the event loop."""

    def __init__(self, watcher: ReaderWatcher) -> None:
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self.state = ReaderState(available=False)
        """The newest."""

    async def settled(self) -> ReaderState:
        """Begin to watch, and return the state; a token that is just being seen is waited for."""
        self._watcher.start(self._from_any_thread)
        try:
            async with asyncio.timeout(PATIENCE):
                while not self.state.cards:
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            pass
        return self.state

    def lost(self, before: ReaderState) -> bool:
        """Whether a token of before has been out meanwhile."""
        return not set(before.cards) <= set(self.state.cards)

    def stop(self) -> None:
        """Watch no more."""
        self._watcher.stop()

    def _from_any_thread(self, state: ReaderState) -> None:
        self._loop.call_soon_threadsafe(self._take, state)

    def _take(self, state: ReaderState) -> None:
        self.state = state
        self._changed.set()


def _moved() -> Finding:
    return Finding(
        "verdict",
        Status.FAILED,
        "The token was pulled out while it was looked at",
        "Leave it in, and run this again. If nobody pulled it out, its contact is loose.",
        {"goes_on": False, "problem": problems.TOKEN_REMOVED.code},
    )


def _readers(state: ReaderState) -> Finding:
    facts = {"available": state.available, "readers": state.readers, "tokens": len(state.cards)}
    if not state.available:
        if importlib.util.find_spec("smartcard") is None:
            advice = "The Python package pyscard is not installed: install it."
        else:
            advice = START_PCSCD
        return Finding("readers", Status.FAILED, "PC/SC does not answer (pcscd)", advice, facts)
    if not state.readers:
        advice = (
            "A USB token brings its reader along: plug it in. If it is in, `lsusb` shows whether "
            "the machine sees it; most need the Debian package libccid. On Debian 13 polkit "
            "may hide readers: run this as the kiosk's user."
        )
        return Finding("readers", Status.WARNING, "PC/SC answers: no reader", advice, facts)
    text = f"PC/SC answers: {', '.join(clean_text(name, 100) for name in state.readers)}"
    if not state.cards:
        return Finding("readers", Status.WARNING, f"{text}\nno token in", facts=facts)
    return Finding("readers", Status.OK, text, facts=facts)


async def _token(
    card: Card,
    catalogue: Catalogue,
    tools: ReadingTools,
    names: CardNames,
    progress: Callable[[str], None],
) -> tuple[Finding, Finding]:
    """What is found of one token, and what the kiosk would do with it alone."""
    text = f"token in {clean_text(card.reader, 100)}"
    facts: dict[str, object] = {
        "reader": card.reader,
        "atr": notation(card.atr),
        "names": names.names(card.atr),
        "mute": card.mute,
    }
    verdict, used = await try_token(card, tools)
    if card.mute:
        advice = "Pull it out, put it in again the right way round, and try another port."
        text += ": gives no answer to reset (mute)"
        return Finding("token", Status.FAILED, text, advice, facts), verdict
    family = catalogue.family(card.atr)
    known = family is not catalogue.default
    facts["family"] = family.name if known else None
    options = {
        "fixed_buffers": family.fixed_buffers,
        "certificates_after_login": family.certificates_after_login,
    }
    parts = [
        Finding("atr", Status.OK, f"ATR {notation(card.atr)}"),
        _name(card.atr, names),
        Finding(
            "family",
            Status.OK,
            (f"family {family.name}" if known else "family unknown: default")
            + " of tokens.toml\n"
            + ", ".join(f"{name} = {str(value).lower()}" for name, value in options.items()),
            facts={"family": family.name if known else None, **options},
        ),
    ]
    bench = Bench(tools.driver, tools.trust, card, family, known, tools.now())
    for module in family.modules:
        progress(f"asking {module}")
        parts.append(await check_module(module, bench, used))
    if verdict.status is Status.FAILED:
        text += ": the kiosk would not serve it; what stops it is below"
    return Finding("token", verdict.status, text, facts=facts, parts=tuple(parts)), verdict


def _name(atr: bytes, names: CardNames) -> Finding:
    found = names.names(atr)
    if found:
        more = f" (and {len(found) - _NAMES_SHOWN} more)" if len(found) > _NAMES_SHOWN else ""
        text = f"known as {'; '.join(found[:_NAMES_SHOWN])}{more}"
    elif names.installed:
        text = "no name in Debian's list of smart cards"
    else:
        text = "no name: Debian's list of smart cards (package pcsc-tools) is not installed"
    return Finding("names", Status.OK, text, facts={"names": found})


def _alone(finding: Finding, verdict: Finding) -> Finding:
    """A token beside others, with what the kiosk would do if it were the only one."""
    alone = Finding(
        verdict.name,
        verdict.status,
        "Alone: " + verdict.text[0].lower() + verdict.text[1:],
        verdict.advice,
        verdict.facts,
    )
    return Finding(
        finding.name,
        finding.status,
        finding.text,
        finding.advice,
        finding.facts,
        (*finding.parts, alone),
    )


def _came_by(settings: Settings, names: CardNames) -> Finding:
    """Tokens of customers that were in no family, as the kiosk wrote them down."""
    title = "tokens that came by and are in no family"
    tokens = settings.unknown_tokens()
    if tokens is None:
        text = f"{title}: not written down (hardware.unknown_tokens_file is empty)"
        return Finding("unknown_tokens", Status.OK, text)
    try:
        lines = tokens.read()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        text = f"{title}: the list cannot be read: {reason}"
        advice = "Run this as the kiosk's user, or correct hardware.unknown_tokens_file."
        return Finding("unknown_tokens", Status.WARNING, text, advice)
    parts = tuple(_passer_by(line, settings.catalogue, names) for line in lines)
    if not parts:
        return Finding("unknown_tokens", Status.OK, f"{title}: none")
    return Finding("unknown_tokens", Status.OK, f"{title}: {len(parts)}", parts=parts)


def _passer_by(line: str, catalogue: Catalogue, names: CardNames) -> Finding:
    try:
        atr = bytes.fromhex(line)
    except ValueError:
        text = f"{clean_text(line, 60)}: no ATR"
        return Finding("atr", Status.WARNING, text, "Take the line out of the file.")
    found = names.names(atr)
    family = catalogue.family(atr)
    text = f"{notation(atr)}: {'; '.join(found[:_NAMES_SHOWN]) or 'no name known'}"
    if family is not catalogue.default:
        text += f"; by now in family {family.name}"
    return Finding("atr", Status.OK, text, facts={"atr": notation(atr), "names": found})
