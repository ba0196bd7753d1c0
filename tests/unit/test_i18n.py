from __future__ import annotations

import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import kiosk
from kiosk import i18n, problems

PACKAGE = Path(kiosk.__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _catalogues() -> None:
    i18n.compile_catalogues()


def messages(language: str) -> dict[str, str]:
    path = i18n.LOCALE_DIRECTORY / language / "LC_MESSAGES" / "kiosk.po"
    with path.open("rb") as file:
        return {m.id: m.string for m in read_po(file, locale=language) if m.id}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_messages_with_the_same_fields() -> None:
    vi, en = messages("vi"), messages("en")
    assert vi.keys() == en.keys()
    assert {key: fields(vi[key]) for key in vi} == {key: fields(en[key]) for key in en}


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_no_message_is_empty_and_none_is_its_own_key(language: str) -> None:
    for key, text in messages(language).items():
        assert text.strip(), key
        assert text != key


def test_every_message_is_used_and_every_used_message_exists() -> None:
    """Keys stand in the source as literals, alone or as a prefix of `.title` and `.text`."""
    source = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    literals = set(re.findall(r"\"([a-z_]+(?:\.[a-z_]+)+)\"", source))
    known = set(messages("vi"))
    used = literals & known
    used |= {f"{literal}.{part}" for literal in literals for part in ("title", "text")} & known
    used |= {f"problem.{p.key}.{part}" for p in problems.ALL for part in ("title", "text", "staff")}
    assert known - used == set()
    groups = {key.partition(".")[0] for key in known}
    looks_like_a_key = {
        literal
        for literal in literals
        if literal.partition(".")[0] in groups and not literal.endswith((".toml", ".po", ".mo"))
    }
    prefixes = {key.rpartition(".")[0] for key in known}
    screens = "\n".join(
        path.read_text("utf-8")
        for folder in ("screens", "widgets")
        for path in (PACKAGE / folder).rglob("*.py")
    )
    in_screens = {literal for literal in looks_like_a_key if f'"{literal}"' in screens}
    assert in_screens - known - prefixes == set()
    assert used - known == set()


TECHNICIANS_WORDS = re.compile(
    r"pcscd|pkcs|toml|kiosk\.|service\.|systemd|\btls\b|\bntp\b|\bcrl\b|\(uid\)|keyusage|x\.509"
    r"|sha-|state_|\bms\b|python|trình điều khiển|giao ước|thư viện",
    re.IGNORECASE,
)


def test_counter_staff_read_no_words_of_technicians() -> None:
    for key, text in messages("vi").items():
        if key.startswith("staff") or key.endswith(".staff"):
            assert not TECHNICIANS_WORDS.search(text), (key, text)


@pytest.mark.parametrize("problem", problems.ALL, ids=lambda p: p.code)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_problem_can_be_told(problem: problems.Problem, language: str) -> None:
    t = i18n.translator(language)
    for part in ("title", "text", "staff"):
        text = t(f"problem.{problem.key}.{part}", date="30/06/2026", hotline="1800 1260")
        assert "{" not in text
        assert text != f"problem.{problem.key}.{part}"


def test_no_message_promises_how_long_the_mail_takes() -> None:
    for language, unit in (
        ("vi", r"(?<!sau )(?<!sau ít )\bphút\b|\bgiây\b"),
        ("en", r"\bminutes?\b"),
    ):
        for key, text in messages(language).items():
            # How long until it can be sent again is the service's word, and exact.
            if key == "no_email.wait":
                continue
            if key.startswith(("sent", "no_email", "confirm", "busy", "resend")):
                assert not re.search(unit, text), key


def test_a_missing_message_shows_its_key_at_the_counter_and_raises_in_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    t = i18n.translator("vi")
    assert t("no.such.message") == "no.such.message"
    assert t("note.code") == "Mã lỗi …"
    monkeypatch.setattr(i18n.Translator, "strict", True)
    with pytest.raises(i18n.MessageMissing):
        t("no.such.message")
    with pytest.raises(i18n.MessageMissing):
        t("note.code")


def test_a_value_is_never_read_as_a_field() -> None:
    assert "{hotline}" in i18n.translator("en")("sent.to", email="{hotline}")


def test_an_uncompiled_catalogue_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "LOCALE_DIRECTORY", tmp_path)
    i18n.translator.cache_clear()
    try:
        with pytest.raises(i18n.CatalogueMissing, match=r"python -m kiosk\.i18n"):
            i18n.translator("vi")
    finally:
        i18n.translator.cache_clear()


def test_catalogues_are_read_without_babel() -> None:
    code = (
        "import sys; from kiosk.i18n import translator; translator('vi')('welcome.title');"
        "assert 'babel' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
