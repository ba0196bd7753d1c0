"""Reads a certificate: whose it is, how long it is valid, and who vouches for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """What a customer's certificate says."""

    der: bytes
    fingerprint: str
    """SHA-256 of the DER, in lower-case hexadecimal."""
    organisation: str
    """O if present, else CN; control characters removed."""
    common_name: str
    uids: tuple[tuple[str, str], ...]
    """All UID values (0.9.2342.19200300.100.1.1), as (kind, value): `("MST", "0101234567")`."""
    not_before: datetime
    not_after: datetime
    key_type: str
    """`RSA`, `EC` or the name of another algorithm."""
    key_bits: int
    curve: str
    """For EC, the curve's name, such as `secp256r1`."""

    @property
    def tax_code(self) -> str:
        """The MST; empty if the certificate has none."""
        return next((value for kind, value in self.uids if kind == "MST"), "")
