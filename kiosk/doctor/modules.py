"""One PKCS#11 module, and what it shows of the token, in a helper process like the kiosk's.

Nobody logs in here: all of this is what a module shows without a PIN.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from kiosk.doctor.certificates import check_certificate
from kiosk.doctor.findings import Finding, Status, worst
from kiosk.doctor.module_file import fault_of
from kiosk.doctor.wording import error_text, flag_names, problem_advice, problem_text
from kiosk.hardware import token as tokens
from kiosk.hardware.catalogue import Family
from kiosk.hardware.certificate import TrustStore
from kiosk.hardware.readers import Card
from kiosk.hardware.token_client import HelperToken, HelperTokenDriver
from kiosk.hardware.token_client import installed as is_installed
from kiosk.hardware.unknown_tokens import notation
from kiosk.text import clean_text
from kiosk.verdict import pin_problem

MECHANISMS = (
    "RSA_PKCS",
    "SHA256_RSA_PKCS",
    "RSA_PKCS_PSS",
    "SHA256_RSA_PKCS_PSS",
    "ECDSA",
)
"""Those that a proof can be signed with; PSS where a token offers no other for RSA."""

_WORDS_MAX = 200

_NO_ANSWER = (
    "Pull the token out and put it in again. If it does not answer then either, the token is "
    "defective or the module does not fit it: try another version from the vendor."
)
_CRASH = "Try another version of the module from the vendor; the kiosk itself goes on."


@dataclass(frozen=True, slots=True)
class Bench:
    """What a module is examined with."""

    driver: HelperTokenDriver
    trust: TrustStore
    card: Card
    family: Family
    known: bool
    """The family is one of the catalogue's, not the default."""
    moment: datetime

    @property
    def place(self) -> str:
        """Where in the catalogue something is set for such tokens."""
        if self.known:
            return f"[family.{self.family.name}] of tokens.toml"
        atr = notation(self.card.atr)
        modules = ", ".join(f'"{one}"' for one in self.family.modules)
        return (
            f'a family of their own in tokens.toml: [family.NAME] with atr = ["{atr}"] and '
            f"modules = [{modules}]"
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What came of reading the token one way."""

    info: tokens.TokenInfo | None = None
    certificates: tuple[tokens.TokenCertificate, ...] = ()
    error: tokens.TokenError | None = None

    @property
    def shown(self) -> tuple[tokens.TokenCertificate, ...]:
        """Certificates with content."""
        return tuple(one for one in self.certificates if one.der)

    @property
    def text(self) -> str:
        """What came of it, in words."""
        if self.error is not None:
            return f"the module {error_text(self.error)}"
        empty = len(self.certificates) - len(self.shown)
        if empty:
            return f"{_count(empty)} without content (size 0)"
        return _count(len(self.shown))


async def check_module(module: Path, bench: Bench, used: Path | None) -> Finding:
    """Load the module and have it show everything.

    Args:
        module: its path.
        bench: the token, and what to examine it with.
        used: the family's module that the kiosk would take, if it gets that far.
    """
    facts: dict[str, object] = {"path": str(module), "used": module == used}
    installed = [one for one in bench.family.modules if is_installed(one)]
    if module not in installed:
        facts["state"] = "absent"
        if installed:
            text = f"{module}: not installed, passed over"
            return Finding("module", Status.OK, text, facts=facts)
        return Finding(
            "module",
            Status.FAILED,
            f"{module}: not installed",
            "Install the vendor's package, or correct the path in tokens.toml.",
            facts,
        )
    try:
        token = await bench.driver.open_with(module, bench.family, bench.card.reader)
    except tokens.TokenError as error:
        state, words, advice = load_fault(module, error)
        # Where another module serves the token, this one stops nobody.
        status = Status.FAILED if used is None else Status.WARNING
        return Finding("module", status, f"{module}: {words}", advice, {**facts, "state": state})
    parts = await _examine(module, token, bench)
    status = worst(parts)
    if used not in (None, module) and status is Status.FAILED:
        status = Status.WARNING
    text = f"{module}: loads" + (", and the kiosk takes it" if module == used else "")
    if status is Status.FAILED:
        text += "; what stops it is below"
    return Finding("module", status, text, "", {**facts, "state": "loads"}, tuple(parts))


def load_fault(module: Path, error: tokens.TokenError) -> tuple[str, str, str]:
    """State, words and advice for a module that does not load."""
    match error:
        case tokens.ModuleMissing():
            if fault := fault_of(module):
                advice = "Install the vendor's package for this machine, or correct tokens.toml."
                return "unloadable", fault, advice
            words = clean_text(error.reason, _WORDS_MAX) or "no reason given"
            return (
                "unloadable",
                f"the dynamic linker refuses it: {words}",
                f"Install what it misses: `ldd {module}` lists what it needs. If nothing is "
                "missing, it is no PKCS#11 module.",
            )
        case tokens.TokenStalled():
            return "hangs", f"module {error_text(error)} while it was loaded", _NO_ANSWER
        case tokens.HelperDied():
            return "crashed", f"module {error_text(error)} while it was loaded", _CRASH
    return "failed", f"module {error_text(error)} when it was initialised", _NO_ANSWER


async def _examine(module: Path, token: HelperToken, bench: Bench) -> list[Finding]:
    """Have a module that loads show all it has. The helper is closed afterwards."""
    parts: list[Finding] = []
    try:
        try:
            description = await token.describe()
            parts.append(_library(description))
            parts += _slots(description.slots, bench.card.reader)
        except tokens.TokenStalled as error:
            # The token would be asked the same again, and not answer again.
            return [_silent(error)]
        except tokens.TokenError as error:
            text = f"does not describe itself and its slots: it {error_text(error)}"
            parts.append(
                Finding("library", Status.WARNING, text, facts={"error": type(error).__name__})
            )
            if isinstance(error, tokens.HelperDied):
                token = await bench.driver.open_with(module, bench.family, bench.card.reader)
        reading = await _read(token)
        if isinstance(reading.error, tokens.TokenStalled):
            listing = bench.place if reading.info else ""
            return [*parts, _silent(reading.error, listing)]
    except tokens.TokenError as error:
        text = f"does not load a second time: it {error_text(error)}"
        return [*parts, Finding("library", Status.FAILED, text, _CRASH)]
    finally:
        await token.close()
    parts += await _reading_findings(module, reading, bench)
    return parts


def _silent(error: tokens.TokenStalled, listing: str = "") -> Finding:
    """A module that hangs.

    Args:
        listing: where the family is set, if it hung when the certificates were listed.
    """
    text = f"module {error_text(error)} while the token was read"
    advice = _NO_ANSWER
    if listing:
        advice += (
            " Some drivers hang when certificates are listed before login: "
            f"certificates_after_login = true helps those, in {listing}."
        )
    return Finding("reading", Status.FAILED, text, advice, {"state": "hangs"})


def _library(description: tokens.ModuleDescription) -> Finding:
    manufacturer, name = (
        clean_text(one, _WORDS_MAX) for one in (description.manufacturer, description.description)
    )
    return Finding(
        "library",
        Status.OK,
        f"{name or 'no description'}, version {description.version}, by {manufacturer or 'nobody'}",
        facts={
            "manufacturer": manufacturer,
            "description": name,
            "version": description.version,
        },
    )


def _slots(slots: tuple[tokens.SlotDescription, ...], reader: str) -> list[Finding]:
    """All slots; those of other readers are not gone into."""
    behind = [one for one in slots if tokens.names_reader(one.description, reader)]
    # Modules of software tokens name no slot like a reader.
    return [_slot(one, elsewhere=bool(behind) and one not in behind) for one in slots]


def _slot(slot: tokens.SlotDescription, *, elsewhere: bool) -> Finding:
    description, label, serial = (
        clean_text(one, _WORDS_MAX)
        for one in (slot.description, slot.token_label, slot.token_serial)
    )
    facts: dict[str, object] = {"slot": slot.slot, "description": description, "token": None}
    text = f"slot {slot.slot} “{description}”: "
    if slot.token_flags is None:
        return Finding("slot", Status.OK, text + "empty", facts=facts)
    flags = flag_names(slot.token_flags)
    facts["token"] = {"label": label, "serial": serial, "flags": flags}
    facts["mechanisms"] = slot.mechanisms
    text += f"token “{label}”, serial number {serial or 'none'}"
    if elsewhere:
        return Finding("slot", Status.OK, text + " (another reader)", facts=facts)
    useful = [one for one in MECHANISMS if one in slot.mechanisms]
    flags_text = "flags " + (", ".join(flags) or "none")
    parts = (
        Finding("flags", Status.OK, flags_text, facts={"flags": flags}),
        Finding(
            "mechanisms",
            Status.OK if useful else Status.WARNING,
            "signs with " + ", ".join(useful) if useful else "no mechanism that a proof needs",
            "" if useful else f"A proof needs one of {', '.join(MECHANISMS)}.",
            {"useful": useful},
        ),
    )
    return Finding("slot", worst(parts), text, facts=facts, parts=parts)


async def _read(token: HelperToken) -> _Reading:
    """Find the token and read its certificates, as the kiosk does: not before a login where
    the family says so."""
    info: tokens.TokenInfo | None = None
    try:
        info = await token.find()
        hidden = info.certificates_after_login
        return _Reading(info, () if hidden else await token.certificates())
    except tokens.TokenError as error:
        return _Reading(info, error=error)


async def _read_other_way(module: Path, bench: Bench) -> _Reading:
    family = replace(bench.family, fixed_buffers=not bench.family.fixed_buffers)
    try:
        token = await bench.driver.open_with(module, family, bench.card.reader)
    except tokens.TokenError as error:
        return _Reading(error=error)
    try:
        return await _read(token)
    finally:
        await token.close()


async def _reading_findings(module: Path, reading: _Reading, bench: Bench) -> list[Finding]:
    """What reading came to, the certificates, and which option would help."""
    parts = [_pin(reading.info)] if reading.info else []
    if reading.shown:
        parts += [check_certificate(one.der, bench.trust, bench.moment) for one in reading.shown]
        return parts
    if isinstance(reading.error, tokens.TokenBlank | tokens.SeveralTokens):
        return [*parts, Finding("reading", Status.FAILED, error_text(reading.error))]
    if bench.family.certificates_after_login and reading.error is None:
        text = "certificates are not looked for before login, as the family says"
        return [*parts, Finding("reading", Status.OK, text)]
    other = await _read_other_way(module, bench)
    ways = {bench.family.fixed_buffers: reading, not bench.family.fixed_buffers: other}
    facts: dict[str, object] = {
        "asking_for_sizes": ways[False].text,
        "fixed_buffers": ways[True].text,
        "works": None if not other.shown else not bench.family.fixed_buffers,
    }
    text = (
        f"reading by asking for sizes first: {ways[False].text}\n"
        f"reading with fixed buffers: {ways[True].text}"
    )
    if other.shown:
        value = str(not bench.family.fixed_buffers).lower()
        advice = f"Set fixed_buffers = {value} for such tokens, in {bench.place}."
        parts.append(Finding("reading", Status.FAILED, text, advice, facts))
        parts += [check_certificate(one.der, bench.trust, bench.moment) for one in other.shown]
        return parts
    if reading.error is not None or reading.certificates:
        parts.append(Finding("reading", Status.FAILED, text, _unread(reading, bench), facts))
        return parts
    advice = (
        "Either the token has no certificate (the vendor's token manager shows that), or it "
        "shows it only after login: then set certificates_after_login = true for such tokens, in "
        f"{bench.place}."
    )
    parts.append(Finding("reading", Status.FAILED, text, advice, facts))
    return parts


def _unread(reading: _Reading, bench: Bench) -> str:
    if isinstance(reading.error, tokens.TokenNotRecognised):
        return (
            "Try another USB port. If that does not help, the module does not know such tokens: "
            f"name the module of their vendor, in {bench.place}."
        )
    if isinstance(reading.error, tokens.HelperDied):
        return _CRASH
    return "Try another version of the module, or another module for these tokens in tokens.toml."


def _pin(info: tokens.TokenInfo) -> Finding:
    flags = info.flags
    facts: dict[str, object] = {
        "initialised": flags.initialised,
        "count_low": flags.count_low,
        "final_try": flags.final_try,
        "locked": flags.locked,
        "must_change": flags.must_change,
        "pin_pad": flags.pin_pad,
        "length": info.pin_length,
    }
    length = "of a length that the token does not tell (the configuration's counts)"
    if info.pin_length:
        length = "of {} to {} bytes".format(*info.pin_length)
    text = f"PIN {length}" + (", typed on the reader itself" if flags.pin_pad else "")
    if problem := pin_problem(flags):
        text += f": {problem_text(problem)}"
        return Finding("pin", Status.FAILED, text, problem_advice(problem), facts)
    if flags.final_try:
        text += ": one more wrong PIN locks it"
        advice = "Type it only if you are sure; the kiosk warns the customer."
        return Finding("pin", Status.WARNING, text, advice, facts)
    if flags.count_low:
        text += ": a wrong PIN was typed since the last right one"
        return Finding("pin", Status.WARNING, text, facts=facts)
    return Finding("pin", Status.OK, text + ": no wrong one since the last right one", facts=facts)


def _count(number: int) -> str:
    return f"{number or 'no'} certificate{'' if number == 1 else 's'}"
