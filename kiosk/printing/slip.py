"""What is on the slip, and what the process that prints it is told: plain values, as JSON.

Nothing on it is about the customer: who finds it learns nothing but a telephone number.
"""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A headed part of the slip."""

    title: str
    lines: tuple[str, ...]
    ticks: bool = False
    """Each line has a box to tick."""


class Slip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A slip in one language, from the top to the bottom."""

    language: str
    brand: str
    subject: str
    title: str
    hotline: str
    """Printed as large as the paper is wide."""
    telephone_url: str
    """RFC 3966 address for the QR code."""
    scan: str
    """What to do with the QR code."""
    sections: tuple[Section, ...]
    date: str


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A slip, and the paper it goes on."""

    slip: Slip
    device: str
    """As `device.Device.parse` reads it."""
    columns: int
    dots: int
    seconds: float
    """After so long the process ends itself, whoever else may have forgotten it."""
