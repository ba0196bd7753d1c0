"""Every test vector is judged alike by the sandbox service and by the verifier in the docs."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from cryptography import x509

from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.service import Service
from kiosk.sandbox.server.store import Store
from kiosk.sandbox.server.verify import CertificateVerifier
from kiosk.service.errors import CODES

API = Path(__file__).parents[2] / "docs" / "api"
VECTORS = API / "vectors"
DOCUMENT = json.loads((VECTORS / "vectors.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = DOCUMENT["cases"]


def _example() -> ModuleType:
    """The code that stands in the docs, as it is."""
    spec = importlib.util.spec_from_file_location("verify_proof", API / "verify_proof.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["verify_proof"] = module
    spec.loader.exec_module(module)
    return module


EXAMPLE = _example()
_, TRUST = EXAMPLE.load(VECTORS)


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((VECTORS / name).read_bytes())


@pytest.fixture(scope="module")
def verifier() -> CertificateVerifier:
    crl = x509.load_pem_x509_crl((VECTORS / "crl.pem").read_bytes())
    return CertificateVerifier(certificate("root.pem"), (certificate("issuing.pem"),), lambda: crl)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = Store(tmp_path_factory.mktemp("vectors"))
    yield store
    store.close()


def sandbox_judges(case: dict[str, Any], store: Store, verifier: CertificateVerifier) -> str:
    """What the sandbox's own service says, from the challenge to the proof's last check."""
    challenge = case["challenge"]
    store.add_challenge(
        challenge["value"],
        challenge["certificate_sha256"],
        challenge["kiosk"],
        challenge["expires_at"],
    )
    if challenge["used"]:
        assert store.take_challenge(challenge["value"], challenge["kiosk"], case["at"])
    # No mail is ordered by a proof.
    no_outbox = cast(Any, None)
    service = Service(store, verifier, no_outbox, case["audience"], clock=lambda: float(case["at"]))
    try:
        if case["call"] == "lookUpAccounts":
            service.look_up_accounts(case["kiosk"], case["jws"])
        else:
            service.open_reset(case["kiosk"], case["username"], case["jws"])
    except Refusal as refusal:
        # The store has no accounts: a proof that leads to this question was accepted.
        return "accepted" if refusal.code == "no_match" else refusal.code
    return "accepted"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_sandbox_judges_as_the_vector_says(
    case: dict[str, Any], store: Store, verifier: CertificateVerifier
) -> None:
    assert sandbox_judges(case, store, verifier) == case["verdict"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_verifier_of_the_docs_judges_as_the_vector_says(case: dict[str, Any]) -> None:
    assert EXAMPLE.judge(case, TRUST) == case["verdict"]


def test_the_verifier_runs_from_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, API / "verify_proof.py", VECTORS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(CASES)} of {len(CASES)} cases as they should be\n"


def test_the_verifier_of_the_docs_knows_nothing_of_the_kiosk() -> None:
    assert "kiosk." not in "".join(
        line
        for line in (API / "verify_proof.py").read_text(encoding="utf-8").splitlines()
        if line.startswith(("import", "from"))
    )


def test_the_vectors_name_codes_of_the_contract_and_each_name_once() -> None:
    assert {case["verdict"] for case in CASES} <= CODES | {"accepted"}
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)
    challenges = [case["challenge"]["value"] for case in CASES]
    assert len(set(challenges)) == len(challenges)


def test_every_code_that_a_proof_can_meet_has_a_vector() -> None:
    met = {case["verdict"] for case in CASES}
    wanted = {code for code in CODES if code.startswith("certificate_")}
    assert met >= wanted | {"proof_invalid", "challenge_invalid", "accepted"}


def test_published_keys_say_that_they_are_for_tests_and_belong_to_their_certificates() -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys = {file.name for file in VECTORS.glob("*.pem") if b"PRIVATE KEY" in file.read_bytes()}
    assert keys == {f"public-test-key-{leaf}.pem" for leaf in DOCUMENT["leaves"]}
    for leaf in DOCUMENT["leaves"]:
        pem = (VECTORS / f"public-test-key-{leaf}.pem").read_bytes()
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        assert key.public_key() == certificate(f"leaf-{leaf}.pem").public_key()
