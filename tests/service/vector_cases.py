"""The cases of `docs/api/vectors`: which proofs are in it, and why each is good or bad.

Most of the bad ones are rows of `refusals`, chosen by their name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding

from tests.service.forging import Forge
from tests.service.refusals import ROWS, Row

ACCEPTED = "accepted"

USERNAME = "kế toán"
"""In NFC, with letters beyond ASCII; no account of the sandbox has it."""

FULL_TYPE = "application/bhxh-reset+jwt"


def _with_chain(forge: Forge) -> list[str]:
    """The customer's certificate and the CA's."""
    return forge.x5c(*forge.lab.chain(forge.token))


def _with_root(forge: Forge) -> list[str]:
    root = forge.lab.pki.root.public_bytes(Encoding.DER)
    return forge.x5c(*forge.lab.chain(forge.token), root)


def _signed(algorithm: str) -> Callable[[Forge], str]:
    def make(forge: Forge) -> str:
        if algorithm == "PS256":
            return forge.with_(h_alg=algorithm, sign=forge.sign_with_pss)
        return forge.with_(h_alg=algorithm)

    return make


def _late(seconds: int) -> Callable[[Forge], str]:
    """A proof whose time is that many seconds ahead of the service's clock."""
    return lambda forge: forge.with_(iat=int(forge.lab.now()) + seconds)


GOOD: tuple[tuple[Row, str], ...] = (
    (
        Row("reset, RS256", lambda f: f.with_(h_x5c=_with_chain(f)), ACCEPTED),
        "RSA 2048 with PKCS #1 v1.5; x5c holds the customer's certificate and the CA's.",
    ),
    (
        Row("reset, RS256, leaf alone", Forge.good, ACCEPTED),
        "x5c need not hold the CA: the service has the CAs under the root itself.",
    ),
    (
        Row("root in x5c", lambda f: f.with_(h_x5c=_with_root(f)), ACCEPTED),
        "x5c may hold the root as well. It is trusted because it is configured, not for being"
        " there.",
    ),
    (
        Row("reset, PS256", _signed("PS256"), ACCEPTED),
        "RSA-PSS with MGF1 of SHA-256 and a salt of 32 bytes (RFC 7518, section 3.5).",
    ),
    (
        Row("reset, ES256", _signed("ES256"), ACCEPTED, token="binh-minh"),
        "P-256; R and S side by side, 64 bytes. The tax code has a branch number.",
    ),
    (
        Row("reset, ES384", _signed("ES384"), ACCEPTED, token="p-384"),
        "P-384 with SHA-384; R and S side by side, 96 bytes.",
    ),
    (
        Row("lookup, RS256", Forge.good, ACCEPTED, call="lookup"),
        "The proof of a lookup has a type and an action of its own, and no username.",
    ),
    (
        Row("lookup, ES256", _signed("ES256"), ACCEPTED, call="lookup", token="binh-minh"),
        "The same with an elliptic key.",
    ),
    (
        Row(
            "username beyond ASCII",
            lambda f: f.with_(username=USERNAME),
            ACCEPTED,
            username=USERNAME,
        ),
        "Usernames are free text in NFC, compared code point by code point.",
    ),
    (
        Row("iat 120 s behind", _late(-120), ACCEPTED),
        "The farthest that the kiosk's clock may be behind.",
    ),
    (
        Row("iat 120 s ahead", _late(120), ACCEPTED),
        "The farthest that the kiosk's clock may be ahead.",
    ),
    (
        Row("nonce in its last second", Forge.good, ACCEPTED, ahead=299),
        "A challenge is good until, and not at, the second it expires.",
    ),
)
"""What has to be accepted. The verdict is about the proof: whether there is such an account is
asked afterwards."""


EDGES: tuple[tuple[Row, str], ...] = (
    (
        Row("iat 121 s behind", _late(-121)),
        "An old proof, or a wrong clock: one second beyond the tolerance.",
    ),
    (
        Row("iat 121 s before its time", _late(121)),
        "The same on the other side.",
    ),
    (
        Row("nonce expired", Forge.good, "challenge_invalid", ahead=300),
        "The second in which it expires is too late.",
    ),
    (
        Row("nonce used", Forge.good, "challenge_invalid", used=True),
        "All is right but that the challenge was in another proof before, good or bad.",
    ),
    (
        Row(
            "username in NFD",
            lambda f: f.with_(username=unicodedata.normalize("NFD", USERNAME)),
            username=USERNAME,
        ),
        "Looks the same and is another text. Nothing is normalised before it is compared.",
    ),
    (
        Row("audience is a list", lambda f: f.with_(aud=[f.lab.url])),
        "RFC 7519 lets aud be a list; here it is text, and a proof is for one service.",
    ),
    (
        Row(
            "foreign CA brought along",
            lambda f: f.with_(h_x5c=_with_chain(f)),
            "certificate_untrusted",
            token="foreign",
        ),
        "x5c holds the CA that issued the certificate; that makes nobody trust it.",
    ),
    (
        Row("status not known", Forge.good, "certificate_status_unknown", ahead=86_400),
        "The CRL's nextUpdate has passed and there is no newer one. Unknown means no.",
    ),
    (
        Row("typ in full, signed", lambda f: f.with_(h_typ=FULL_TYPE)),
        "RFC 7515 lets typ leave `application/` out; this contract demands that, so that there"
        " is one way to write it.",
    ),
)
"""Bad ones that depend on the second, and others that `refusals` does not have."""


BAD: dict[str, str] = {
    # Challenges
    "nonce never given out": "The service has not made this challenge.",
    "nonce of another kiosk": "The challenge was given to another kiosk than the one that calls.",
    "nonce is empty": "A challenge is 16 to 64 characters of base64url.",
    "nonce for another certificate": "The challenge was asked for with another certificate.",
    # Facts
    "another username signed": "The username beside the proof is not the one that was signed.",
    "another username beside it": "The same, the other way round.",
    "another audience": "A proof for another service must not work here.",
    "audience with a slash": "aud is compared as text, and has no slash at its end.",
    "another kiosk signed": "The signed kiosk is not the one that calls.",
    "another action": "What the signature asks for has to be what the call does.",
    "iat is a fraction": "iat is a JSON integer: 1780282800.0 is none.",
    "iat with an exponent": "Nor is 17e8, although it is a whole number.",
    "iat is text": "Nor is a string.",
    "iat is true": "Nor is true, which some languages take for 1.",
    # Types
    "typ JWT": "A proof is no general JWT: the type keeps other signatures from being one.",
    "no typ": "Without a type it could be any JWS that this key ever signed.",
    "lookup typ on a reset": "Type and action have to agree.",
    "lookup proof for a reset": "A lookup's signature must never reset a password.",
    "reset proof for a lookup": "Nor a reset's list the usernames.",
    "username in a lookup": "A lookup's payload has no username.",
    # Signatures
    "alg none, unsigned": "RFC 8725, section 3.1: alg none is never taken.",
    "HS256 with the public key in DER": "The public key is no secret, so this is no signature.",
    "HS256 with the public key in PEM": "The same, with the key in the form that most libraries "
    "take.",
    "ES256 with an RSA key": "The key says which algorithms there are, not the header.",
    "PS256 signed as RS256": "The header says PS256, the signature is PKCS #1 v1.5.",
    "RS256 signed as PS256": "The reverse.",
    "RS512": "RFC 7518 has it, this contract has not.",
    "SHA-1 in place of SHA-256": "Signed over the SHA-1 of the text.",
    "a key that is not in x5c": "Signed by another key than that of the first certificate.",
    "another proof's signature": "A good signature of other bytes.",
    "signature empty": "Nothing signed.",
    "signature with a byte more": "A byte behind the signature.",
    "ECDSA in DER": "JWS wants R and S side by side, not a DER sequence (RFC 7518, section 3.4).",
    "ECDSA of zeros": "R = S = 0 (CVE-2022-21449).",
    "ES384 with a P-256 key": "Each algorithm has its own curve.",
    # Certificates
    "revoked": "The CRL says: key compromise.",
    "suspended": "The CRL says: certificateHold.",
    "expired": "Expired ten days ago.",
    "not yet valid": "Valid in 90 days.",
    "RSA 1024": "RSA has to have 2048 bits or more.",
    "signed with SHA-1": "The CA's signature on the certificate is over SHA-1.",
    "of a CA of the same name": "x5c brings a CA along that has the right name and another key.",
    "may only encipher": "The key usage lets the key encipher only.",
    "chain the wrong way round": "The customer's certificate comes first (RFC 7515, 4.1.6).",
    "another leaf first": "Signed by the second certificate's key, and the challenge is for that.",
    "a byte behind the certificate": "Trailing bytes: two texts would stand for one certificate.",
    "x5c is empty": "There is no certificate at all.",
    "x5c in base64url": "x5c is base64, unlike everything else in a JWS (RFC 7515, 4.1.6).",
    "x5c with a line break": "And without white space.",
    "x5c with loose bits": "And written in the one canonical way.",
    "x5c is text": "One certificate is a list of one.",
    "no x5c": "The header has exactly alg, typ and x5c.",
    # Form
    "crit": "No extension is understood, so none is taken.",
    "jwk": "A key that the sender brings along proves nothing.",
    "jku": "Nor does one from an address that the sender names; it must not even be fetched.",
    "kid": "No other header is known, harmless or not.",
    "one more field": "The payload has exactly the fields of its type.",
    "one field less": "All of them.",
    "a name twice in the header": "JSON parsers differ in which of the two they take.",
    "a name twice in the payload": "The same.",
    "a name twice, once escaped": "Names are compared after unescaping.",
    "bytes behind the payload": "Two JSON objects, of which a parser may see the first alone.",
    "a mark before the payload": "JSON has no byte order mark (RFC 8259, section 8.1).",
    "UTF-16": "JSON is UTF-8; some parsers guess other encodings.",
    "overlong UTF-8 in the payload": "Not UTF-8, though some decoders take it.",
    "payload with loose bits": "Unused bits of the last character are not 0: non-canonical "
    "base64url.",
    "signature with loose bits": "The same in the signature, which nothing else would notice.",
    "padded": "base64url comes without = (RFC 7515, section 2).",
    "a line break at the end": "A JWS has no white space.",
    "a fourth part": "Compact serialisation has three parts.",
    "two parts": "The signature is missing.",
}
"""Rows of `refusals` by name, and what is wrong with each."""


def cases() -> tuple[tuple[Row, str], ...]:
    """All cases with their descriptions: first what has to be accepted."""
    rows = {row.name: row for row in ROWS}
    return (*GOOD, *EDGES, *((rows[name], text) for name, text in BAD.items()))
