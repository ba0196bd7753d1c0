"""What the journey's effects do outside: read the token, sign, send.

Each effect works on the visit and comes back with the event that tells how it went.
It never raises for what a token, a certificate or the service does wrong; those have
become a problem by then. A cancelled effect (the token was pulled out) leaves no event.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from kiosk import problems
from kiosk.flow import (
    AccountNotMatched,
    CertificatesHidden,
    Event,
    Failed,
    PinFinalTry,
    PinReady,
    PinWrong,
    ProofAccepted,
    SeveralCertificates,
    SeveralUsernames,
    TokenRead,
    TokenStuck,
)
from kiosk.hardware import token as tokens
from kiosk.problems import Problem
from kiosk.service import errors as service
from kiosk.service.proof import (
    ProofImpossible,
    ProofRequest,
    algorithm_for,
    assemble,
    signing_input,
)
from kiosk.session import UsableCertificate, Visit
from kiosk.verdict import Refusal, judge_certificate, pin_problem, token_problem, vietnamese_date

if TYPE_CHECKING:
    from kiosk.hardware.certificate import TrustStore
    from kiosk.mail_exchange import MailboxFinder
    from kiosk.service.client import ServiceClient
    from kiosk.service.messages import Challenge
    from kiosk.service.webhook import StaffWebhook

REMOVAL_GRACE = 1.2
"""Seconds to wait after a token's failure before it is called one. A driver cannot tell a
pulled token from a broken one; PC/SC can, but looks only every 400 ms."""


class ReadingTools(Protocol):
    """What reading a token takes: no service, so that a technician can do it as well."""

    @property
    def driver(self) -> tokens.TokenDriver:
        """Opens the token."""
        ...

    @property
    def trust(self) -> TrustStore:
        """Whose certificates are accepted."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What the effects work with."""

    driver: tokens.TokenDriver
    trust: TrustStore
    service: ServiceClient
    kiosk_id: str
    mailboxes: MailboxFinder
    webhook: StaffWebhook | None = None
    """Told beside the service when staff are called; None: none is configured."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


_PIN_STATE_ERRORS = (tokens.PinLocked, tokens.PinNotSet, tokens.PinMustChange)

REFUSALS: dict[str, Problem] = {
    "kiosk_unknown": problems.KIOSK_NOT_KNOWN,
    "account_locked": problems.SERVICE_ACCOUNT_LOCKED,
    "account_closed": problems.SERVICE_ACCOUNT_CLOSED,
    "certificate_revoked": problems.CERTIFICATE_REVOKED,
    "certificate_suspended": problems.CERTIFICATE_SUSPENDED,
    "certificate_expired": problems.CERTIFICATE_EXPIRED,
    "certificate_not_yet_valid": problems.CERTIFICATE_NOT_YET_VALID,
    "certificate_weak_key": problems.CERTIFICATE_WEAK_KEY,
    "certificate_untrusted": problems.CERTIFICATE_FOREIGN_CA,
    "certificate_status_unknown": problems.CERTIFICATE_STATUS_UNKNOWN,
    "proof_invalid": problems.SERVICE_PROOF_REFUSED,
    "challenge_invalid": problems.SERVICE_PROOF_REFUSED,
    "rate_limited": problems.SERVICE_TOO_MANY,
    "reset_expired": problems.SERVICE_RESET_EXPIRED,
    "resend_limit": problems.SERVICE_RESEND_REFUSED,
    "no_match": problems.SERVICE_NO_ACCOUNT,
    "unavailable": problems.SERVICE_UNREACHABLE,
}
"""What the codes of the contract are to a customer; any other code is `SERVICE_FAILED`. For a
reset, `no_match` has an event of its own; here it is what it means to a lookup."""


async def _token_failed(error: tokens.TokenError) -> Event:
    """Give PC/SC the time to say that the token was pulled out, which cancels the effect."""
    if not isinstance(error, _PIN_STATE_ERRORS):
        await asyncio.sleep(REMOVAL_GRACE)
    problem = token_problem(error)
    if problem is problems.TOKEN_STALLED:
        return TokenStuck(problem.code)
    return Failed(problem.code)


def distrust_problem(error: service.ServiceUntrusted) -> Problem:
    """Tell whose certificate it was that was not believed: the service's or this kiosk's."""
    if error.reason is service.Distrust.KIOSK_REFUSED:
        return problems.KIOSK_NOT_KNOWN
    return problems.KIOSK_SERVICE_UNTRUSTED


def service_failed(visit: Visit, error: service.ServiceError) -> Failed:
    """Tell what the service's failure is to a customer, while nothing has been ordered."""
    if isinstance(error, service.ServiceRefused):
        problem = REFUSALS.get(error.code, problems.SERVICE_FAILED)
        visit.facts = {}
        if error.retry_after:
            visit.facts = {"minutes": str(math.ceil(error.retry_after / 60))}
        if visit.certificate is not None:
            identity = visit.certificate.identity
            if problem is problems.CERTIFICATE_EXPIRED:
                visit.facts = {"date": vietnamese_date(identity.not_after)}
            elif problem is problems.CERTIFICATE_NOT_YET_VALID:
                visit.facts = {"date": vietnamese_date(identity.not_before)}
        return Failed(problem.code)
    if isinstance(error, service.ServiceUntrusted):
        return Failed(distrust_problem(error).code)
    if isinstance(error, service.AnswerInvalid):
        return Failed(problems.SERVICE_FAILED.code)
    return Failed(problems.SERVICE_UNREACHABLE.code)


async def read_token(visit: Visit, tools: ReadingTools) -> Event:
    """Find the token behind the visit's card and read its certificates without PIN."""
    if visit.card is None:
        raise RuntimeError("there is no card to read")
    try:
        visit.token = await tools.driver.open(visit.card.reader, visit.card.atr)
        visit.token_info = await visit.token.look()
        visit.flags = visit.token_info.flags
        visit.certificates_hidden = visit.token_info.certificates_after_login
        # Some drivers of such tokens hang when they are asked before.
        found = () if visit.certificates_hidden else await visit.token.certificates()
    except tokens.TokenError as error:
        return await _token_failed(error)
    several_pins = visit.token_info.slots > 1
    if visit.certificates_hidden:
        if several_pins:
            # Nothing would tell which of them the customer has typed.
            return Failed(problems.KIOSK_DRIVER_FAILED.code)
    elif refusal := _take_certificates(found, visit, tools):
        return refusal
    if visit.certificate is None and several_pins:
        # Which PIN will be asked for is known when a certificate is chosen.
        return SeveralCertificates()
    if visit.certificate is not None and several_pins:
        try:
            visit.token_info = await visit.token.find(visit.certificate.identity.der)
        except tokens.TokenError as error:
            return await _token_failed(error)
        visit.flags = visit.token_info.flags
    if problem := pin_problem(visit.flags):
        return Failed(problem.code)
    if visit.certificates_hidden:
        return CertificatesHidden()
    return TokenRead() if visit.certificate else SeveralCertificates()


def _take_certificates(
    found: Iterable[tokens.TokenCertificate], visit: Visit, tools: ReadingTools
) -> Failed | None:
    """Keep the certificates that may be used, and choose if there is one; else say why not."""
    judged = [judge_certificate(one.der, tools.trust, tools.now()) for one in found]
    usable = tuple(one for one in judged if isinstance(one, UsableCertificate))
    if not usable:
        refusals = (one for one in judged if isinstance(one, Refusal))
        refusal = next(refusals, Refusal(problems.CERTIFICATE_MISSING))
        visit.facts = dict(refusal.facts)
        return Failed(refusal.problem.code)
    visit.certificates = usable
    visit.certificate = usable[0] if len(usable) == 1 else None
    return None


async def prepare_login(visit: Visit, tools: Tools) -> Event:
    """See that it is still the same token, look at its PIN flags, and get a challenge.

    Token and service are asked at the same time: each may take a while. The service looks at
    the certificate now, so that a revoked one is told before the customer has typed a PIN; but
    for a token that hides it until then.
    """
    if visit.token_info is None:
        raise RuntimeError("there is no token to log in to")
    challenge: asyncio.Task[Challenge] | None = None
    if visit.certificate is not None:
        asked = tools.service.challenge(visit.certificate.chain)
        challenge = asyncio.get_running_loop().create_task(asked)
    try:
        return await _prepared(visit, tools, visit.token_info.serial, challenge)
    finally:
        if challenge is not None:
            # What has gone wrong with one that is not needed any more is nobody's concern.
            challenge.add_done_callback(lambda done: done.cancelled() or done.exception())
            challenge.cancel()


async def _prepared(
    visit: Visit, tools: Tools, serial: str, challenge: asyncio.Task[Challenge] | None
) -> Event:
    """Look at the token, which has to have this serial number, and wait for the challenge."""
    try:
        info = await _find_again(visit, tools)
        if info.serial != serial:
            return Failed(problems.TOKEN_CHANGED.code)
    except tokens.TokenError as error:
        return await _token_failed(error)
    visit.token_info = info
    visit.flags = info.flags
    visit.pin_refused = False
    if problem := pin_problem(info.flags):
        return Failed(problem.code)
    try:
        if visit.certificate is not None and challenge is not None:
            _take_challenge(visit, await challenge)
            _signing_input(visit, visit.certificate, tools, lookup=_looks_up(visit))
    except service.ServiceError as error:
        return service_failed(visit, error)
    except ProofImpossible:
        return Failed(problems.SERVICE_PROOF_REFUSED.code)
    return PinFinalTry() if info.flags.final_try else PinReady()


async def _find_again(visit: Visit, tools: Tools) -> tokens.TokenInfo:
    """Look at the token afresh. A helper that died since, when it knew no PIN, is replaced."""
    if visit.card is None:
        raise RuntimeError("there is no card to read")
    certificate = visit.certificate.identity.der if visit.certificate else b""
    if visit.certificates_hidden:
        certificate = b""
    if visit.token is not None:
        try:
            return await visit.token.find(certificate)
        except tokens.HelperDied:
            await visit.token.close()
            visit.token = None
    visit.token = await tools.driver.open(visit.card.reader, visit.card.atr)
    return await visit.token.find(certificate)


def _take_challenge(visit: Visit, answer: Challenge) -> None:
    visit.challenge = answer.challenge
    visit.challenge_ends = asyncio.get_running_loop().time() + answer.expires_in * 0.8


async def prove(visit: Visit, tools: Tools) -> Event:
    """Log in once with the PIN, sign the proof, and let the service verify it.

    The helper that knew the PIN ends as soon as the signature is there.
    """
    token, certificate = visit.token, visit.certificate
    if token is None or visit.token_info is None:
        raise RuntimeError("there is no token to log in to")
    if not len(visit.pin) and not visit.flags.pin_pad:
        # To a driver, an empty PIN means that it is typed on the reader.
        return PinWrong(problems.PIN_LENGTH.code)
    shown = b"" if certificate is None or visit.certificates_hidden else certificate.identity.der
    try:
        with visit.pin.view() as pin:
            await token.login(visit.token_info.serial, shown, pin)
        found = await token.certificates() if visit.certificates_hidden else ()
    except tokens.PinRefused as error:
        return _pin_refused(visit, error)
    except tokens.PinLengthRefused:
        return PinWrong(problems.PIN_LENGTH.code)
    except tokens.PinNotEntered:
        return PinWrong(problems.PIN_NOT_ENTERED.code)
    except tokens.TokenError as error:
        return await _token_failed(error)
    finally:
        visit.pin.wipe()
    if visit.certificates_hidden:
        if certificate is not None:
            # Chosen before, with another username.
            if certificate.identity.der not in (one.der for one in found):
                return Failed(problems.TOKEN_CHANGED.code)
        elif refusal := _take_certificates(found, visit, tools):
            return refusal
        elif visit.certificate is None:
            return SeveralCertificates()
    return await sign(visit, tools)


def _looks_up(visit: Visit) -> bool:
    """Whether the customer has forgotten the username, and it has not been found yet."""
    return visit.lookup and not visit.username


async def sign(visit: Visit, tools: Tools) -> Event:
    """Sign the proof in the session that is logged in, and let the service verify it.

    Who has forgotten the username signs twice: for the usernames of their tax code, and then
    for the reset of the one that is left or chosen.
    """
    token, certificate = visit.token, visit.certificate
    if token is None or certificate is None:
        raise RuntimeError("there is no certificate to sign with")
    looking_up = _looks_up(visit)
    try:
        if looking_up:
            proof = await _signed(visit, token, certificate, tools, lookup=True)
            visit.usernames = (await tools.service.look_up_accounts(proof)).usernames
            if not visit.usernames:
                return Failed(problems.SERVICE_NO_ACCOUNT.code)
            if len(visit.usernames) > 1:
                return SeveralUsernames()
            visit.username = visit.usernames[0]
        looking_up = False
        proof = await _signed(visit, token, certificate, tools)
        visit.token = None
        await token.close()
        visit.reset = await tools.service.request_reset(visit.username, proof)
    except tokens.PinRefused as error:
        # A key that asks for the PIN at each use may have a PIN of its own.
        return _pin_refused(visit, error)
    except tokens.TokenError as error:
        return await _token_failed(error)
    except ProofImpossible:
        return Failed(problems.SERVICE_PROOF_REFUSED.code)
    except service.ServiceRefused as error:
        if error.code == "no_match" and not looking_up:
            return AccountNotMatched()
        return service_failed(visit, error)
    except service.ServiceError as error:
        return service_failed(visit, error)
    return ProofAccepted()


async def _signed(
    visit: Visit,
    token: tokens.Token,
    certificate: UsableCertificate,
    tools: Tools,
    *,
    lookup: bool = False,
) -> str:
    """Make a proof with a challenge that no other proof has used."""
    if asyncio.get_running_loop().time() > visit.challenge_ends:
        _take_challenge(visit, await tools.service.challenge(certificate.chain))
    mechanism, message = _signing_input(visit, certificate, tools, lookup=lookup)
    visit.challenge_ends = 0.0
    # After a lookup the reset is still to be signed, by a key that may ask for the PIN again.
    signature = await token.sign(certificate.identity.der, mechanism, message, final=not lookup)
    return assemble(message, signature)


def _pin_refused(visit: Visit, error: tokens.PinRefused) -> Event:
    visit.flags = error.flags
    visit.pin_refused = True
    if error.flags.locked:
        return Failed(problems.PIN_LOCKED.code)
    return PinFinalTry() if error.flags.final_try else PinWrong(problems.PIN_WRONG.code)


def _signing_input(
    visit: Visit, certificate: UsableCertificate, tools: Tools, *, lookup: bool = False
) -> tuple[tokens.Mechanism, bytes]:
    """Build what the token signs.

    Raises:
        ProofImpossible: a fact is not what may be signed, so no PIN need be asked for.
    """
    pss_only = visit.token_info is not None and visit.token_info.pss_only
    algorithm = algorithm_for(
        certificate.identity.key_type, certificate.identity.curve, pss_only=pss_only
    )
    request = ProofRequest(
        audience=tools.service.audience,
        username=None if lookup else visit.username,
        challenge=visit.challenge,
        kiosk=tools.kiosk_id,
        issued_at=int(time.time()),
        chain=certificate.chain,
    )
    return tokens.Mechanism(algorithm), signing_input(request, algorithm)
