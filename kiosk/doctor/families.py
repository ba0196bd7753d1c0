"""The PKCS#11 modules of `tokens.toml`: there, and loadable in a helper like the kiosk's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from kiosk.doctor.findings import Finding, Status, failed, ok, warning
from kiosk.doctor.modules import load_fault
from kiosk.doctor.wording import error_text
from kiosk.hardware import token as tokens
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token_client import HelperTokenDriver
from kiosk.hardware.token_client import installed as is_installed
from kiosk.text import clean_text

_WORDS_MAX = 200


async def look_at_modules(
    catalogue: Catalogue, driver: HelperTokenDriver, seconds: float
) -> list[Finding]:
    """Load every module that is installed, all at once, each in a helper of its own.

    Args:
        catalogue: which there are.
        driver: starts the helpers; it is closed afterwards.
        seconds: longest time for a module to load and to say what it is.
    """
    families = (catalogue.default, *catalogue.families)
    present = {one: family for family in families for one in family.modules if is_installed(one)}
    ends = asyncio.get_running_loop().time() + seconds
    try:
        found = await asyncio.gather(
            *(_load(module, family, driver, ends) for module, family in present.items())
        )
    finally:
        await driver.close()
    loaded = dict(zip(present, found, strict=True))
    return [_family(family, loaded) for family in families]


async def _load(module: Path, family: Family, driver: HelperTokenDriver, ends: float) -> Finding:
    facts = {"path": str(module)}
    try:
        token = await driver.open_with(module, family, "")
    except tokens.TokenError as error:
        state, words, advice = load_fault(module, error)
        return Finding(
            "module", Status.FAILED, f"{module}: {words}", advice, {**facts, "state": state}
        )
    try:
        async with asyncio.timeout_at(ends):
            description = await token.describe()
    except (tokens.TokenError, TimeoutError) as error:
        reason = error_text(error) if isinstance(error, tokens.TokenError) else "takes too long"
        text = f"{module}: loads, but does not say what it is: it {reason}"
        advice = "Look again with no token in; if that does not help, try another version of it."
        return warning("module", text, advice, **facts, state="silent")
    finally:
        await token.close()
    name, manufacturer = (
        clean_text(one, _WORDS_MAX) for one in (description.description, description.manufacturer)
    )
    text = f"{module}: loads ({name or 'no description'}, version {description.version}, "
    text += f"by {manufacturer or 'nobody'})"
    return ok("module", text, **facts, state="loads", version=description.version)


def _family(family: Family, loaded: Mapping[Path, Finding]) -> Finding:
    title = "tokens of no family" if family.name == "default" else f"tokens of {family.name}"
    parts = tuple(loaded[one] for one in family.modules if one in loaded)
    facts: dict[str, object] = {"family": family.name, "modules": [str(m) for m in family.modules]}
    if not parts:
        text = f"{title}: no module is installed, so they end with K04"
        advice = (
            f"If customers bring such tokens, install the vendor's package; looked for: "
            f"{', '.join(map(str, family.modules))}."
        )
        return warning("family", text, advice, **facts)
    working = [one for one in parts if one.status is not Status.FAILED]
    if not working:
        text = f"{title}: no module works, so they end with K04 or K05"
        return Finding("family", Status.FAILED, text, "", facts, parts)
    if len(working) < len(parts):
        text = f"{title}: one module works, another does not"
        return Finding("family", Status.WARNING, text, "", facts, parts)
    return Finding("family", working[0].status, title, "", facts, parts)


def nothing_at_all(families: list[Finding]) -> Finding | None:
    """A kiosk without a single module serves nobody; None where there is one."""
    if any(family.parts for family in families):
        return None
    advice = "Install the Debian package opensc-pkcs11, or the package of the tokens' vendor."
    return failed("modules", "no PKCS#11 module of tokens.toml is installed", advice)
