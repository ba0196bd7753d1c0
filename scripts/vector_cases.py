"""The cases of the test vectors, and what forgers do."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from vector_making import AUDIENCE, CRL_ENDS, NOW, Draft, Maker, b64url, der, jws, sign

from kiosk.sandbox.issuing import PrivateKey


def _unsigned(_maker: Maker, header: bytes, payload: bytes, _key: PrivateKey) -> str:
    return f"{b64url(header)}.{b64url(payload)}."


def hs256(maker: Maker, header: bytes, payload: bytes, _key: PrivateKey) -> str:
    """The public key as the secret of an HMAC."""
    message = f"{b64url(header)}.{b64url(payload)}"
    public = maker.pki.leaf("hoa-sen")[1].public_key()
    secret = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"{message}.{b64url(hmac.digest(secret, message.encode(), hashlib.sha256))}"


def called(algorithm: str) -> Callable[[Maker, bytes, bytes, PrivateKey], str]:
    """Signed with this algorithm, whatever the header says."""
    return lambda _maker, header, payload, key: jws(header, payload, key, algorithm)


def replaced(part: int, old: bytes, new: bytes) -> Callable[[Maker, bytes, bytes, PrivateKey], str]:
    """Other bytes in header (0) or payload (1), which are signed like that."""

    def forge(_maker: Maker, header: bytes, payload: bytes, key: PrivateKey) -> str:
        parts = [header, payload]
        if old not in parts[part]:
            raise ValueError(f"{old!r} is not in it")
        parts[part] = parts[part].replace(old, new, 1)
        return jws(*parts, key)

    return forge


def rewritten(change: Callable[[str], str], part: int) -> Callable[..., str]:
    """Another spelling of a part's base64url; where it is signed, the spelling is."""

    def forge(_maker: Maker, header: bytes, payload: bytes, key: PrivateKey) -> str:
        parts = [b64url(header), b64url(payload)]
        if part < 2:
            parts[part] = change(parts[part])
        signature = b64url(sign(key, "RS256", ".".join(parts).encode()))
        return ".".join([*parts, change(signature) if part == 2 else signature])

    return forge


def with_spare_bits(text: str) -> str:
    """Another text for the same bytes: with bits that base64 does not use (RFC 4648, 3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(text) % 4 == 0:
        raise ValueError("no spare bits")
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def _es256_in_der(_maker: Maker, header: bytes, payload: bytes, key: PrivateKey) -> str:
    message = f"{b64url(header)}.{b64url(payload)}"
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError
    return f"{message}.{b64url(key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))}"


def _es256_of_zeros(_maker: Maker, header: bytes, payload: bytes, _key: PrivateKey) -> str:
    return f"{b64url(header)}.{b64url(payload)}.{b64url(bytes(64))}"


def _with_a_byte_behind(_maker: Maker, header: bytes, payload: bytes, key: PrivateKey) -> str:
    message = f"{b64url(header)}.{b64url(payload)}"
    return f"{message}.{b64url(sign(key, 'RS256', message.encode()) + b'x')}"


def _leaf_only(maker: Maker, leaf: str) -> list[bytes]:
    return maker.chain(leaf)[:1]


def _with_root(maker: Maker, leaf: str) -> list[bytes]:
    return [*maker.chain(leaf), der(maker.pki.root)]


def _swapped(maker: Maker, leaf: str) -> list[bytes]:
    return maker.chain(leaf)[::-1]


def _with_a_byte_more(maker: Maker, leaf: str) -> list[bytes]:
    own, *others = maker.chain(leaf)
    return [own + b"\x00", *others]


P256: dict[str, Any] = {"leaf": "binh-minh", "username": "binhminh", "algorithm": "ES256"}
LOOKUP: dict[str, Any] = {"call": "lookUpAccounts", "username": None}
OK, PROOF, CHALLENGE = "accepted", "proof_invalid", "challenge_invalid"
UNTRUSTED = "certificate_untrusted"
SWAPPED_B64 = str.maketrans("-_", "+/")

DRAFTS = (
    Draft("rs256", OK, "An RSA key of 2048 bits, PKCS #1 v1.5."),
    Draft("ps256", OK, "The same key with PSS.", algorithm="PS256"),
    Draft("es256", OK, "A key on P-256.", **P256),
    Draft("es384", OK, "A key on P-384.", leaf="p-384", algorithm="ES384"),
    Draft("rs256-3072", OK, "An RSA key of 3072 bits.", leaf="rsa-3072"),
    Draft("lookup-rs256", OK, "A proof for an account lookup names no username.", **LOOKUP),
    Draft("lookup-es256", OK, "The same on P-256.", chain=_leaf_only, **P256 | LOOKUP),
    Draft(
        "leaf-only",
        OK,
        "x5c holds the leaf alone: the service knows its CAs.",
        chain=_leaf_only,
        **P256,
    ),
    Draft(
        "with-root",
        OK,
        "x5c holds the root as well, which proves nothing and harms nothing.",
        chain=_with_root,
    ),
    Draft("username-vietnamese", OK, "A username beyond ASCII, in NFC.", username="Nguyễn.Thị Ánh"),
    Draft(
        "username-unknown",
        OK,
        "The proof is good; that nobody has this name is the next question.",
        chain=_leaf_only,
        **P256 | {"username": "khong-co-ai"},
    ),
    Draft(
        "iat-early", OK, "120 s before the service's time: just within.", payload={"iat": NOW - 120}
    ),
    Draft(
        "iat-late", OK, "120 s after the service's time: just within.", payload={"iat": NOW + 120}
    ),
    # Challenge
    Draft(
        "challenge-unknown",
        CHALLENGE,
        "It names a challenge that the service never made.",
        payload={"challenge": "x" * 43},
    ),
    Draft(
        "challenge-expired",
        CHALLENGE,
        "Its challenge ended a second ago.",
        challenge={"expires_at": NOW - 1},
    ),
    Draft(
        "challenge-used",
        CHALLENGE,
        "Another proof has named its challenge before.",
        challenge={"used": True},
    ),
    Draft(
        "challenge-of-another-kiosk",
        CHALLENGE,
        "The challenge was made for another kiosk than the one that calls.",
        challenge={"kiosk": "quay-02"},
    ),
    Draft(
        "challenge-of-another-certificate",
        PROOF,
        "The challenge was made for another certificate.",
        challenge={"certificate_sha256": "0" * 64},
    ),
    Draft(
        "challenge-short",
        PROOF,
        "No challenge looks like this: 15 characters.",
        payload={"challenge": "x" * 15},
    ),
    # What was signed
    Draft(
        "other-username",
        PROOF,
        "The request names another username than the proof.",
        payload={"username": "hoasen.kho"},
    ),
    Draft(
        "username-nfd",
        PROOF,
        "The same letters in NFD are another username.",
        username="Ánh",
        payload={"username": "A\u0301nh"},
    ),
    Draft(
        "other-audience",
        PROOF,
        "It is meant for another service.",
        payload={"aud": "https://other.example"},
    ),
    Draft(
        "audience-slash",
        PROOF,
        "A slash at the end makes another audience.",
        payload={"aud": AUDIENCE + "/"},
    ),
    Draft(
        "audience-list",
        PROOF,
        "A list of audiences, as JWT would allow.",
        payload={"aud": [AUDIENCE]},
    ),
    Draft(
        "other-kiosk",
        PROOF,
        "It was made at another kiosk than the one that calls.",
        payload={"kiosk": "quay-02"},
    ),
    Draft(
        "other-action", PROOF, "It asks for something else.", payload={"action": "sign-contract"}
    ),
    Draft("iat-too-early", PROOF, "121 s before the service's time.", payload={"iat": NOW - 121}),
    Draft("iat-too-late", PROOF, "121 s after the service's time.", payload={"iat": NOW + 121}),
    Draft("iat-true", PROOF, "True is no time.", payload={"iat": True}),
    Draft("iat-fraction", PROOF, "Nor is a number with a fraction.", payload={"iat": NOW + 0.5}),
    Draft("iat-text", PROOF, "Nor is a text.", payload={"iat": str(NOW)}),
    Draft("payload-extra", PROOF, "A field more in the payload.", payload={"exp": NOW + 60}),
    Draft("payload-missing", PROOF, "A field less in the payload.", payload={"kiosk": None}),
    Draft(
        "payload-duplicate",
        PROOF,
        "A name twice in the payload: parsers differ in which one they take.",
        forge=replaced(1, b'"username":"hoasen"', b'"username":"hoasen.kho","username":"hoasen"'),
    ),
    Draft(
        "payload-trailing",
        PROOF,
        "Bytes after the payload's JSON.",
        forge=replaced(1, b"}", b"}{}"),
    ),
    Draft(
        "payload-utf-16",
        PROOF,
        "The payload is in UTF-16.",
        forge=lambda _m, h, p, k: jws(h, p.decode().encode("utf-16"), k),
    ),
    # Type
    Draft("typ-jwt", PROOF, "Another type.", header={"typ": "JWT"}),
    Draft("typ-missing", PROOF, "No type.", header={"typ": None}),
    Draft(
        "typ-lookup",
        PROOF,
        "The type of a lookup above the payload of a reset.",
        header={"typ": "bhxh-lookup+jwt"},
    ),
    Draft(
        "lookup-for-reset",
        PROOF,
        "A whole proof for a lookup, sent as one for a reset.",
        header={"typ": "bhxh-lookup+jwt"},
        payload={"action": "account-lookup", "username": None},
    ),
    Draft(
        "reset-for-lookup",
        PROOF,
        "A whole proof for a reset, sent as one for a lookup.",
        header={"typ": "bhxh-reset+jwt"},
        payload={"action": "password-reset", "username": "hoasen"},
        **LOOKUP,
    ),
    # Algorithm and key
    Draft("alg-none", PROOF, "Not signed at all.", header={"alg": "none"}, forge=_unsigned),
    Draft("alg-none-signed", PROOF, "Signed, but said not to be.", header={"alg": "none"}),
    Draft(
        "alg-hs256",
        PROOF,
        "An HMAC whose secret is the public key.",
        header={"alg": "HS256"},
        forge=hs256,
    ),
    Draft(
        "alg-rs512", PROOF, "An algorithm that the contract does not have.", header={"alg": "RS512"}
    ),
    Draft("alg-of-another-key", PROOF, "ES256 with an RSA key.", header={"alg": "ES256"}),
    Draft("alg-not-the-signatures", PROOF, "A PSS signature called RS256.", forge=called("PS256")),
    Draft("alg-missing", PROOF, "No algorithm.", header={"alg": None}),
    Draft(
        "other-key", PROOF, "Signed by a key that is not the one in x5c.", signer="two-certificates"
    ),
    Draft(
        "es256-der",
        PROOF,
        "An ECDSA signature in DER, not R and S side by side.",
        forge=_es256_in_der,
        **P256,
    ),
    Draft("es256-zeros", PROOF, "R and S are zero.", forge=_es256_of_zeros, **P256),
    # Header
    Draft(
        "header-crit",
        PROOF,
        "A field more in the header: crit.",
        header={"crit": ["b64"], "b64": True},
    ),
    Draft(
        "header-jwk",
        PROOF,
        "A field more in the header: a key that is to be believed.",
        header={"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
    ),
    Draft("header-kid", PROOF, "A field more in the header: kid.", header={"kid": "1"}),
    Draft(
        "header-duplicate",
        PROOF,
        "A name twice in the header.",
        forge=replaced(0, b'{"alg":"RS256"', b'{"alg":"none","alg":"RS256"'),
    ),
    Draft("x5c-missing", PROOF, "No certificate.", header={"x5c": None}),
    Draft(
        "x5c-text",
        PROOF,
        "One certificate, not in a list.",
        forge=replaced(0, b'"x5c":[', b'"x5c":"x","x5d":['),
    ),
    # Spelling
    Draft(
        "base64url-spare-bits",
        PROOF,
        "The signature in another spelling: bits set that base64url does not use.",
        forge=rewritten(with_spare_bits, 2),
    ),
    Draft(
        "base64url-padding",
        PROOF,
        "Padding at the signature's end.",
        forge=rewritten(lambda text: text + "==", 2),
    ),
    Draft(
        "base64url-base64",
        PROOF,
        "The signature in base64 instead of base64url.",
        forge=rewritten(lambda text: text.translate(SWAPPED_B64), 2),
    ),
    Draft(
        "base64url-line-break",
        PROOF,
        "A line break in the payload's base64url.",
        forge=rewritten(lambda text: text[:40] + "\n" + text[40:], 1),
    ),
    Draft("four-parts", PROOF, "A fourth part.", forge=lambda _m, h, p, k: jws(h, p, k) + "."),
    Draft("signature-byte-more", PROOF, "A byte after the signature.", forge=_with_a_byte_behind),
    Draft(
        "signature-cut",
        PROOF,
        "The signature's end is missing.",
        forge=lambda _m, h, p, k: jws(h, p, k)[:-20],
    ),
    # Certificate
    Draft(
        "certificate-byte-more",
        UNTRUSTED,
        "A byte after the certificate in x5c.",
        chain=_with_a_byte_more,
    ),
    Draft(
        "certificate-of-another-ca",
        UNTRUSTED,
        "A certificate of a CA that is not trusted, with that CA in x5c.",
        leaf="foreign",
    ),
    Draft("certificate-chain-swapped", UNTRUSTED, "x5c begins with the CA.", chain=_swapped),
    Draft("certificate-sha1", UNTRUSTED, "The CA signed the certificate with SHA-1.", leaf="sha1"),
    Draft(
        "certificate-wrong-usage",
        UNTRUSTED,
        "The certificate's key may only encipher.",
        leaf="wrong-usage",
    ),
    Draft(
        "certificate-expired", "certificate_expired", "The certificate has expired.", leaf="expired"
    ),
    Draft(
        "certificate-not-yet-valid",
        "certificate_not_yet_valid",
        "The certificate is not valid yet.",
        leaf="future",
    ),
    Draft("certificate-rsa-1024", "certificate_weak_key", "An RSA key of 1024 bits.", leaf="weak"),
    Draft(
        "certificate-revoked",
        "certificate_revoked",
        "The CRL has it: keyCompromise.",
        leaf="revoked",
    ),
    Draft(
        "certificate-suspended",
        "certificate_suspended",
        "The CRL has it: certificateHold.",
        leaf="suspended",
    ),
    Draft(
        "crl-stale",
        "certificate_status_unknown",
        "The newest CRL ended before: nobody knows, which means no.",
        at=int(CRL_ENDS.timestamp()) + 1,
    ),
)
