from __future__ import annotations

import ast
import fnmatch
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


def said_differently(key: str) -> bool:
    """Whether a prepared language leaves the message to another."""
    return i18n.lender(key) is not None


@pytest.mark.parametrize("language", i18n.ALL)
def test_a_catalogue_has_every_message_it_needs_and_no_other(language: str) -> None:
    needed = {
        key for key in messages("vi") if language in i18n.LANGUAGES or not said_differently(key)
    }
    has = set(messages(language))
    assert sorted(needed - has) == [], "missing"
    assert sorted(has - needed) == [], "too many"


@pytest.mark.parametrize("language", i18n.ALL)
def test_a_message_has_the_same_fields_in_every_language(language: str) -> None:
    vietnamese = messages("vi")
    texts = messages(language)
    assert {key: fields(text) for key, text in texts.items()} == {
        key: fields(vietnamese[key]) for key in texts
    }


@pytest.mark.parametrize("language", i18n.ALL)
def test_messages_are_in_the_same_order_in_every_catalogue(language: str) -> None:
    has = list(messages(language))
    assert has == [key for key in messages("vi") if key in has]


def test_every_pattern_of_what_is_borrowed_is_needed() -> None:
    for pattern, language in i18n.BORROWED.items():
        assert fnmatch.filter(messages("vi"), pattern), pattern
        assert language in i18n.LANGUAGES


def test_customers_are_told_of_a_problem_in_their_own_language() -> None:
    for problem in problems.ALL:
        own_words = problem.shown not in (
            problems.Shown.OUT_OF_SERVICE,
            problems.Shown.PLAIN_PAGE,
        )
        for part in ("title", "text"):
            key = f"problem.{problem.key}.{part}"
            assert said_differently(key) is not own_words, key


@pytest.mark.parametrize("language", i18n.ALL)
def test_no_message_is_empty_and_none_is_its_own_key(language: str) -> None:
    for key, text in messages(language).items():
        assert text.strip(), key
        assert text != key


NAMES = re.compile(r"\{[^}]*\}|USB[ \u00a0]Token|VNPT-(?:BHXH|CA)|MÔ PHỎNG / SIMULATED")
"""What is the same in every language."""


@pytest.mark.parametrize("language", i18n.PREPARED)
def test_no_message_was_left_in_another_language(language: str) -> None:
    script = {"ko": "[가-힣]", "ja": "[ぁ-ゖァ-ヺ一-龯]", "zh": "[一-龯]"}[language]
    for key, text in messages(language).items():
        words = NAMES.sub("", text)
        assert not re.search(r"[^\W\d_]", words) or re.search(script, words), (key, text)
        assert language == "ja" or not re.search("[ぁ-ゖァ-ヺ]", words), (key, text)


MADE_KEYS = {
    "busy.*.title": "kiosk/screens/busy.py",
    "busy.*.text": "kiosk/screens/busy.py",
    "staff_call.*.title": "kiosk/screens/staff_call.py",
    "staff_call.*.text": "kiosk/screens/staff_call.py",
    "problem.*.title": "kiosk/staff/wording.py",
    "problem.*.text": "kiosk/staff/wording.py",
    "problem.*.staff": "kiosk/staff/wording.py",
}
"""Keys that the program puts together, and where. What stands for the star is a literal there, or
a problem's key."""

UNSEEN = {
    f"problem.{problem.key}.text"
    for problem in problems.ALL
    if problem.shown is problems.Shown.OUT_OF_SERVICE
}
"""There are no such messages: the screen has the words that all faults of the kiosk share."""

SPEAKERS = ("t", "Words", "ActionButton", "Say", "say", "Refused", "checklist", "phrase", "Hint")
"""What is called with a message's key."""


def _sources() -> dict[str, ast.Module]:
    paths = [path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts]
    return {
        str(path.relative_to(PACKAGE.parent)): ast.parse(path.read_text("utf-8")) for path in paths
    }


def _literals(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


KEY = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def test_every_message_is_used() -> None:
    sources = _sources()
    known = set(messages("vi"))
    used = known & set().union(*map(_literals, sources.values()))
    for pattern, file in MADE_KEYS.items():
        before, after = pattern.split("*")
        stars = {literal.removeprefix(before) for literal in _literals(sources[file])}
        if before == "problem.":
            stars = {problem.key for problem in problems.ALL}
        used |= {f"{before}{star}{after}" for star in stars}
    assert sorted(known - (used - UNSEEN)) == []


def test_every_message_that_is_asked_for_is_there() -> None:
    known = set(messages("vi"))
    stems = {key.rpartition(".")[0] for key in known}
    missing = set()
    for file, tree in _sources().items():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or _name(call.func) not in SPEAKERS:
                continue
            keys = set().union(*map(_literals, call.args)) if call.args else set()
            missing |= {(file, key) for key in keys if KEY.fullmatch(key)} - {
                (file, key) for key in known | stems
            }
        if "screens" in file or "widgets" in file:
            groups = {key.partition(".")[0] for key in known}
            missing |= {
                (file, key)
                for key in _literals(tree)
                if KEY.fullmatch(key)
                and key.partition(".")[0] in groups
                and key not in known | stems
            }
    assert sorted(missing) == []


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
@pytest.mark.parametrize("language", i18n.ALL)
def test_every_problem_can_be_told(problem: problems.Problem, language: str) -> None:
    t = i18n.translator(language)
    for part in ("title", "text", "staff"):
        if f"problem.{problem.key}.{part}" in UNSEEN:
            continue
        text = t(
            f"problem.{problem.key}.{part}", time="07:30", date="30/06/2026", hotline="1800 1260"
        )
        assert "{" not in text
        assert text != f"problem.{problem.key}.{part}"


def test_no_message_promises_how_long_the_mail_takes() -> None:
    for language, unit in (
        ("vi", r"(?<!sau )(?<!sau ít )\bphút\b|\bgiây\b"),
        ("en", r"\bminutes?\b"),
        ("ko", "[0-9}]분|[0-9}]초|몇 분"),
        ("ja", "分後|秒|数分"),
        ("zh", "分钟|秒"),
    ):
        for key, text in messages(language).items():
            # How long until it can be sent again is the service's word, and exact.
            if key == "no_email.wait":
                continue
            if key.startswith(("sent", "no_email", "confirm", "busy", "resend")):
                assert not re.search(unit, text), key


@pytest.mark.parametrize("language", i18n.PREPARED)
def test_a_prepared_language_borrows_what_is_not_for_customers(language: str) -> None:
    t = i18n.translator(language)
    assert t("staff.leave") == i18n.translator("vi")("staff.leave")
    assert t("demo.quit") == i18n.translator("en")("demo.quit")
    assert i18n.speaks_to_staff(language) == "vi"


@pytest.mark.parametrize(
    ("language", "full", "short"),
    [
        ("vi", "05/11/2026", "05/11"),
        ("en", "05/11/2026", "05/11"),
        ("ko", "2026년 11월 5일", "11월 5일"),
        ("ja", "2026年11月5日", "11月5日"),
        ("zh", "2026年11月5日", "11月5日"),
    ],
)
def test_a_date_is_in_the_order_of_the_language(language: str, full: str, short: str) -> None:
    t = i18n.translator(language)
    assert full in t("certificate.valid_until", date="05/11/2026")
    assert short in t("problem.kiosk_closed.text", date="05/11", time="07:30")
    assert "…" in t("certificate.valid_until", date="…")


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
