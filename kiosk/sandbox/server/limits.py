"""How much the sandbox service grants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the service grants."""

    per_username: int = 30
    """Proven requests of one organisation for one username in a `window`."""
    per_certificate: int = 60
    """Challenges for one certificate in a `window`."""
    per_kiosk: int = 600
    """Challenges for one kiosk in a `window`."""
    lookups: int = 30
    """Account lookups with one certificate in a `window`. A kiosk's are limited by its
    challenges: each takes one."""
    logins: int = 30
    """Logins to one username in a `window`."""
    window: float = 3600.0
    """Seconds."""
    challenge_life: int = 300
    """Seconds in which a challenge has to come back in a proof."""
    reset_life: int = 900
    """Seconds in which a reset can be confirmed, and its mail be sent again."""
    resends: int = 2
    """Mails after the first."""
    resend_wait: float = 30.0
    """Seconds from one mail to the next."""
    mail_retry: float = 5.0
    """Seconds until a mail that a mail server did not take for now is tried again; doubled
    after each try, up to five minutes."""
    mail_patience: float = 3600.0
    """Seconds after which such a mail is given up."""
