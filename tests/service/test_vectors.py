"""The published test vectors: the sandbox's verifier and the one in docs/service.md both give
the verdict of each.

The second is written for whoever builds the service, with other libraries, and is run exactly
as it stands on the page.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kiosk.sandbox.scenario import ACCOUNTS, OLD_PASSWORD
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.mail import Mailer
from kiosk.sandbox.server.outbox import Outbox
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.service import Service
from kiosk.sandbox.server.store import Store
from kiosk.sandbox.server.verify import CertificateVerifier
from tests.service import vector_cases
from tests.service.vector_maker import FOLDER, slug

PAGE = FOLDER.parents[1] / "service.md"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "vectors.json").read_text("utf-8"))["cases"]
MANY = 10**6

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((FOLDER / f"certificates/{name}.pem").read_bytes())


def crl() -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((FOLDER / "crl.pem").read_bytes())


def made_for(case: dict[str, Any]) -> bytes:
    return certificate(case["challenge"]["certificate"]).fingerprint(hashes.SHA256())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(Store(tmp_path_factory.mktemp("vectors"))) as store:
        store.seed(ACCOUNTS, OLD_PASSWORD)
        yield store


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The code on the page, as a module."""
    found = re.search(
        r"<!-- example verifier -->\n+```python\n(.*?)\n```\n", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    file = tmp_path_factory.mktemp("example") / "example_verifier.py"
    file.write_text(found[1] + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("example_verifier", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each_case
def test_the_sandbox(case: dict[str, Any], store: Store) -> None:
    at, given = case["at"], case["challenge"]
    service = Service(
        store,
        CertificateVerifier(certificate("root"), (certificate("issuing"),), crl),
        Outbox(store, Mailer("127.0.0.1", 1), Limits(), lambda: at, lambda: None),
        case["audience"],
        replace(Limits(), per_username=MANY, lookups=MANY),
        lambda: at,
    )
    store.add_challenge(given["nonce"], made_for(case).hex(), given["kiosk"], given["expires"])
    if given["used"]:
        store.take_challenge(given["nonce"], given["kiosk"], at)
    verdict = "accepted"
    try:
        if case["call"] == "lookup":
            service.look_up_accounts(case["kiosk"], case["jws"])
        else:
            service.open_reset(case["kiosk"], case["username"], case["jws"])
    except Refusal as refusal:
        # Whether there is such an account is asked once the proof has been accepted.
        verdict = "accepted" if refusal.code == "no_match" else refusal.code
    left = store.take_challenge(given["nonce"], given["kiosk"], at)
    assert verdict == case["verdict"]
    assert not (case["uses_up"] and left)


@each_case
def test_the_example(case: dict[str, Any], example: ModuleType) -> None:
    at, given = case["at"], case["challenge"]
    challenges = {}
    if not given["used"] and at < given["expires"]:
        challenges[given["nonce"], given["kiosk"]] = made_for(case)
    trust = example.Trust(certificate("root"), [certificate("issuing")], crl)
    verdict = "accepted"
    try:
        example.verify(
            case["jws"],
            case["call"],
            case["kiosk"],
            case["username"],
            case["audience"],
            at,
            lambda nonce, kiosk: challenges.pop((nonce, kiosk), None),
            trust,
        )
    except example.Refused as refusal:
        verdict = str(refusal)
    assert verdict == case["verdict"]
    assert not (case["uses_up"] and challenges)


def test_the_folder_has_the_cases_that_it_should_have() -> None:
    written = [(case["name"], case["description"], case["verdict"]) for case in CASES]
    wanted = [(slug(row.name), text, row.code) for row, text in vector_cases.cases()]
    assert written == wanted, "run scripts/make-vectors"
    assert len({name for name, _, _ in written}) == len(written)
    assert len({case["challenge"]["nonce"] for case in CASES}) == len(written)


def test_each_key_is_its_certificates() -> None:
    keys = sorted((FOLDER / "public-test-keys").glob("*.pem"))
    assert keys
    for file in keys:
        public = load_pem_private_key(file.read_bytes(), None).public_key()
        assert public == certificate(file.stem).public_key(), file


def test_the_readme_says_what_each_certificate_is() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    described = re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)
    assert sorted(described) == sorted(file.stem for file in _certificates())
    fields = set(CASES[0]) | {f"challenge.{name}" for name in CASES[0]["challenge"]}
    assert fields - {"challenge"} == set(re.findall(r"^- `([a-z._]+)`", text, re.MULTILINE))


def _certificates() -> list[Path]:
    return list((FOLDER / "certificates").glob("*.pem"))
