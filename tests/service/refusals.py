"""What the service has to refuse: one row for each way in which a proof can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding

from tests.service.forging import Forge, loose_bits
from tests.unit.service_lab import KIOSK


@dataclass(frozen=True)
class Row:
    """One proof that must not be accepted."""

    name: str
    make: Callable[[Forge], str] = field(repr=False)
    code: str = "proof_invalid"
    call: Literal["reset", "lookup"] = "reset"
    token: str = "hoa-sen"
    """Whose proof it is."""
    challenge_for: str = ""
    """The token that the challenge is asked for with, if not with that one."""
    username: str = ""
    """The username beside the proof, if not the one that belongs to the token."""
    kiosk: str = KIOSK
    """The kiosk that sends the proof."""
    ahead: float = 0.0
    """Seconds that pass between challenge and proof."""
    used: bool = False
    """Whether the challenge has been in another proof before."""


def _parts(forge: Forge, number: int, change: Callable[[str], str]) -> str:
    """A good proof with one of its three parts changed after it was signed."""
    parts = forge.good().split(".")
    parts[number] = change(parts[number])
    return ".".join(parts)


def _with_json(header: str | None = None, payload: str | None = None) -> Callable[[Forge], str]:
    """Signed text: `{}` stands for what is between the braces of the good JSON."""

    def make(forge: Forge) -> str:
        changed: dict[str, str] = {}
        if header is not None:
            changed["header"] = header.replace("{}", forge.json_header()[1:-1])
        if payload is not None:
            changed["payload"] = payload.replace("{}", forge.json_payload()[1:-1])
        return forge.with_(**changed)

    return make


def _iat(text: str) -> Callable[[Forge], str]:
    """The time as this JSON text."""

    def make(forge: Forge) -> str:
        now = f'"iat": {forge.payload["iat"]}'
        return forge.with_(payload=forge.json_payload().replace(now, f'"iat": {text}'))

    return make


def _bytes_for(field_name: str, value: bytes) -> Callable[[Forge], str]:
    """A payload with raw bytes in place of a field's text."""

    def make(forge: Forge) -> str:
        text = forge.json_payload().encode()
        wanted = str(forge.payload[field_name]).encode()
        assert wanted in text
        return forge.with_(payload=text.replace(wanted, value))

    return make


def _chain(forge: Forge, *names: str) -> list[str]:
    """Certificates by name of token, and `issuing`."""
    issuing = forge.lab.pki.issuing
    certificates = [issuing if n == "issuing" else forge.lab.certificate(n) for n in names]
    return forge.x5c(*(c.public_bytes(Encoding.DER) for c in certificates))


NONCES = (
    Row("nonce never given out", lambda f: f.with_(challenge="x" * 43), "challenge_invalid"),
    Row("nonce used by a bad proof", Forge.good, "challenge_invalid", used=True),
    Row("nonce too old", Forge.good, "challenge_invalid", ahead=301),
    Row("nonce of another kiosk", Forge.good, "challenge_invalid", kiosk="another-kiosk"),
    Row("nonce for another certificate", Forge.good, challenge_for="binh-minh"),
    Row("nonce with a lone surrogate", _bytes_for("challenge", rb"\ud800" * 16)),
    Row("nonce with a NUL", _bytes_for("challenge", rb"\u0000" * 16)),
    Row("nonce is empty", lambda f: f.with_(challenge="")),
    Row("nonce is huge", lambda f: f.with_(challenge="x" * 9000)),
)

FACTS = (
    Row("another username signed", lambda f: f.with_(username="hoasen.kho")),
    Row("another username beside it", Forge.good, username="hoasen.kho"),
    Row("another audience", lambda f: f.with_(aud="https://other.example")),
    Row("audience with a slash", lambda f: f.with_(aud=f.lab.url + "/")),
    Row("another kiosk signed", lambda f: f.with_(kiosk="another-kiosk")),
    Row("another action", lambda f: f.with_(action="sign-contract")),
    Row("iat 121 s ago", lambda f: f.with_(iat=int(f.lab.now()) - 121)),
    # Up to a second is lost by cutting the fraction off.
    Row("iat 121 s ahead", lambda f: f.with_(iat=int(f.lab.now()) + 122)),
    Row("iat is NaN", _iat("NaN")),
    Row("iat is Infinity", _iat("Infinity")),
    Row("iat is a fraction", lambda f: f.with_(iat=f.lab.now())),
    Row("iat with an exponent", _iat("17e8")),
    Row("iat is true", lambda f: f.with_(iat=True)),
    Row("iat is text", lambda f: f.with_(iat=str(int(f.lab.now())))),
    Row("iat has 400 digits", _iat("9" * 400)),
    Row("iat has 5000 digits", _iat("9" * 5000)),
    Row("iat is negative", lambda f: f.with_(iat=-1)),
)

TYPES = (
    Row("typ JWT", lambda f: f.with_(h_typ="JWT")),
    Row("typ in capitals", lambda f: f.with_(h_typ="BHXH-RESET+JWT")),
    Row("typ in full", lambda f: f.with_(h_typ="application/bhxh-reset+jwt")),
    Row("no typ", lambda f: f.with_(h_typ=None)),
    Row("typ is a list", lambda f: f.with_(h_typ=["bhxh-reset+jwt"])),
    Row("lookup typ on a reset", lambda f: f.with_(h_typ="bhxh-lookup+jwt")),
    Row("lookup action on a reset", lambda f: f.with_(action="account-lookup")),
    Row(
        "lookup proof for a reset",
        lambda f: f.with_(h_typ="bhxh-lookup+jwt", action="account-lookup", username=None),
    ),
    Row(
        "lookup proof with a username",
        lambda f: f.with_(h_typ="bhxh-lookup+jwt", action="account-lookup"),
    ),
    Row("reset proof without a username", lambda f: f.with_(username=None)),
    Row("reset typ on a lookup", lambda f: f.with_(h_typ="bhxh-reset+jwt"), call="lookup"),
    Row("reset action on a lookup", lambda f: f.with_(action="password-reset"), call="lookup"),
    Row(
        "reset proof for a lookup",
        lambda f: f.with_(h_typ="bhxh-reset+jwt", action="password-reset", username="hoasen"),
        call="lookup",
    ),
    Row("username in a lookup", lambda f: f.with_(username="hoasen"), call="lookup"),
    Row("empty username in a lookup", lambda f: f.with_(username=""), call="lookup"),
)

SIGNATURES = (
    Row("alg none, unsigned", lambda f: f.with_(h_alg="none", sign=lambda _: b"")),
    Row("alg None, unsigned", lambda f: f.with_(h_alg="None", sign=lambda _: b"")),
    Row("alg none, signed", lambda f: f.with_(h_alg="none")),
    Row("alg empty", lambda f: f.with_(h_alg="")),
    Row("alg is a list", lambda f: f.with_(h_alg=["RS256"])),
    Row("no alg", lambda f: f.with_(h_alg=None)),
    Row(
        "HS256 with the public key in DER",
        lambda f: f.with_(h_alg="HS256", sign=f.hmac_with(Encoding.DER)),
    ),
    Row(
        "HS256 with the public key in PEM",
        lambda f: f.with_(h_alg="HS256", sign=f.hmac_with(Encoding.PEM)),
    ),
    Row(
        "HS256 with the certificate in DER",
        lambda f: f.with_(h_alg="HS256", sign=f.hmac_with(Encoding.DER, whole_certificate=True)),
    ),
    Row("ES256 with an RSA key", lambda f: f.with_(h_alg="ES256")),
    Row("PS256 signed as RS256", lambda f: f.with_(h_alg="PS256")),
    Row("RS256 signed as PS256", lambda f: f.with_(sign=f.sign_with_pss)),
    Row(
        "PS256 with another salt",
        lambda f: f.with_(h_alg="PS256", sign=lambda m: f.sign_with_pss(m, 20)),
    ),
    Row("RS512", lambda f: f.with_(h_alg="RS512")),
    Row("SHA-1 in place of SHA-256", lambda f: f.with_(sign=f.sign_with_sha1)),
    Row("alg RS1", lambda f: f.with_(h_alg="RS1", sign=f.sign_with_sha1)),
    Row("a key that is not in x5c", lambda f: f.with_(sign=f.sign_with_key_of("last-try"))),
    Row("another proof's signature", lambda f: f.with_(sign=lambda m: f.sign(m + b"."))),
    Row("signature empty", lambda f: f.with_(sign=lambda _: b"")),
    Row("signature with a byte more", lambda f: f.with_(sign=lambda m: f.sign(m) + b"\0")),
    Row("signature with a byte less", lambda f: f.with_(sign=lambda m: f.sign(m)[:-1])),
    Row("signature with a zero before", lambda f: f.with_(sign=lambda m: b"\0" + f.sign(m))),
    Row("ECDSA in DER", lambda f: f.with_(sign=f.sign_in_der), token="binh-minh"),
    Row("ECDSA of zeros", lambda f: f.with_(sign=lambda _: bytes(64)), token="binh-minh"),
    Row(
        "ECDSA, a byte more", lambda f: f.with_(sign=lambda m: f.sign(m) + b"\0"), token="binh-minh"
    ),
    Row("ES384 with a P-256 key", lambda f: f.with_(h_alg="ES384"), token="binh-minh"),
    Row("RS256 with an elliptic key", lambda f: f.with_(h_alg="RS256"), token="binh-minh"),
)

CERTIFICATES = (
    Row("revoked", Forge.good, "certificate_revoked", token="revoked", challenge_for="hoa-sen"),
    Row(
        "suspended", Forge.good, "certificate_suspended", token="suspended", challenge_for="hoa-sen"
    ),
    Row("expired", Forge.good, "certificate_expired", token="expired", challenge_for="hoa-sen"),
    Row(
        "not yet valid",
        Forge.good,
        "certificate_not_yet_valid",
        token="future",
        challenge_for="hoa-sen",
    ),
    Row("RSA 1024", Forge.good, "certificate_weak_key", token="weak", challenge_for="hoa-sen"),
    Row(
        "signed with SHA-1",
        Forge.good,
        "certificate_untrusted",
        token="sha1",
        challenge_for="hoa-sen",
    ),
    Row(
        "of another CA",
        Forge.good,
        "certificate_untrusted",
        token="foreign",
        challenge_for="hoa-sen",
    ),
    Row(
        "of a CA of the same name",
        lambda f: f.with_(h_x5c=f.of_another_authority()),
        "certificate_untrusted",
    ),
    Row(
        "may only encipher",
        Forge.good,
        "certificate_untrusted",
        token="wrong-usage",
        challenge_for="hoa-sen",
    ),
    Row(
        "chain the wrong way round",
        lambda f: f.with_(h_x5c=_chain(f, "issuing", "hoa-sen")),
        "certificate_untrusted",
    ),
    Row("the CA alone", lambda f: f.with_(h_x5c=_chain(f, "issuing")), "certificate_untrusted"),
    Row(
        "another leaf first", lambda f: f.with_(h_x5c=_chain(f, "binh-minh", "hoa-sen", "issuing"))
    ),
    Row(
        "another leaf first, and its challenge",
        lambda f: f.with_(h_x5c=_chain(f, "last-try", "hoa-sen", "issuing")),
        challenge_for="last-try",
    ),
    Row(
        "a byte behind the certificate",
        lambda f: f.with_(h_x5c=f.x5c(f.lab.chain(f.token)[0] + b"\0", f.lab.chain(f.token)[1])),
        "certificate_untrusted",
    ),
    Row(
        "a byte behind the CA",
        lambda f: f.with_(h_x5c=f.x5c(f.lab.chain(f.token)[0], f.lab.chain(f.token)[1] + b"\0")),
        "certificate_untrusted",
    ),
    Row("x5c is empty", lambda f: f.with_(h_x5c=[]), "invalid_request"),
    Row("x5c is too long", lambda f: f.with_(h_x5c=f.x5c() * 5), "invalid_request"),
    Row("x5c is text", lambda f: f.with_(h_x5c=f.x5c()[0])),
    Row("x5c of numbers", lambda f: f.with_(h_x5c=[1])),
    Row("x5c in base64url", lambda f: f.with_(h_x5c=[c.replace("+", "-") + "_" for c in f.x5c()])),
    Row("x5c with a line break", lambda f: f.with_(h_x5c=[f.x5c()[0] + "\n"])),
    Row("x5c with loose bits", lambda f: f.with_(h_x5c=[_loose_padding(c) for c in f.x5c()])),
    Row("no x5c", lambda f: f.with_(h_x5c=None)),
)


def _loose_padding(text: str) -> str:
    """Other base64, with padding, for the same bytes and one more, if need be, of DER."""
    bare = text.rstrip("=")
    if bare == text:
        return text + "===="
    return loose_bits(bare.replace("+", "-").replace("/", "_")).replace("-", "+").replace(
        "_", "/"
    ) + "=" * (len(text) - len(bare))


FORMS = (
    Row("crit", lambda f: f.with_(h_crit=["b64"])),
    Row("jku", lambda f: f.with_(h_jku="https://evil.example/keys")),
    Row("jwk", lambda f: f.with_(h_jwk={"kty": "RSA"})),
    Row("x5u", lambda f: f.with_(h_x5u="https://evil.example/chain")),
    Row("kid", lambda f: f.with_(h_kid="1")),
    Row("b64 false", lambda f: f.with_(h_b64=False)),
    Row("one more field", lambda f: f.with_(exp=1)),
    Row("one field less", lambda f: f.with_(kiosk=None)),
    Row("a name twice in the header", _with_json(header='{{}, "alg": "RS256"}')),
    Row("a name twice in the payload", _with_json(payload='{{}, "username": "hoasen"}')),
    Row("a name twice, once escaped", _with_json(payload=r'{{}, "\u0061ud": "x"}')),
    Row("bytes behind the header", _with_json(header="{{}}x")),
    Row("bytes behind the payload", _with_json(payload="{{}}{}")),
    Row("NUL behind the payload", _with_json(payload="{{}}\0")),
    Row("a mark before the payload", _with_json(payload="\ufeff{{}}")),
    Row("payload is a list", _with_json(payload="[{{}}]")),
    Row("payload is nothing", lambda f: f.with_(payload="")),
    Row("header is deep", lambda f: f.with_(header="[" * 9000)),
    Row("payload is deep", lambda f: f.with_(payload="[" * 9000)),
    Row("invalid UTF-8 in the payload", _bytes_for("action", b"password-reset\xff")),
    Row("overlong UTF-8 in the payload", _bytes_for("action", b"password\xc0\xadreset")),
    Row("invalid UTF-8 in the header", lambda f: f.with_(header=b'{"alg": "\xff"}')),
    Row("UTF-16", lambda f: f.with_(payload=f.json_payload().encode("utf-16"))),
    Row("header with loose bits", lambda f: _parts(f, 0, _other_bits)),
    Row("payload with loose bits", lambda f: _parts(f, 1, _other_bits)),
    Row("signature with loose bits", lambda f: _parts(f, 2, loose_bits)),
    Row("padded", lambda f: _parts(f, 2, lambda part: part + "=" * (-len(part) % 4))),
    Row("in base64", lambda f: _parts(f, 2, lambda part: part[:-3] + "+/A")),
    Row("a blank at the end", lambda f: f.good() + " "),
    Row("a line break at the end", lambda f: f.good() + "\n"),
    Row("a line break in the middle", lambda f: f.good().replace(".", "\n.", 1)),
    Row("letters beyond ASCII", lambda f: f.good() + "é"),
    Row("a fourth part", lambda f: f.good() + "."),
    Row("two parts", lambda f: f.good().rpartition(".")[0]),
    Row("empty parts", lambda f: ".."),
    Row("nothing", lambda f: ""),
    Row("as JSON", lambda f: '{"payload": "", "signatures": []}'),
    Row("as long as may be", lambda f: "A" * 49_152),
    Row("too long", lambda f: "A" * 49_153, "invalid_request"),
    Row("huge", lambda f: "A" * 1_000_000, "invalid_request"),
)


def _other_bits(part: str) -> str:
    """Loose bits where there are any; else a letter more, which stands for less than a byte."""
    return loose_bits(part) if len(part) % 4 else part + "A"


ROWS: tuple[Row, ...] = (*NONCES, *FACTS, *TYPES, *SIGNATURES, *CERTIFICATES, *FORMS)
