"""The service contract over HTTP, and the mailbox's pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kiosk.sandbox.server import letter, pages
from kiosk.sandbox.server.mail import Mail
from kiosk.sandbox.server.refusal import Refusal
from kiosk.sandbox.server.service import Progress, Service, is_username
from kiosk.sandbox.server.store import Store
from kiosk.sandbox.server.verify import MAX_CERTIFICATE, MAX_CHAIN, MAX_PROOF, base64_decoded

MAX_BODY = 128 * 1024
"""Bytes of a request."""

# With \A and \Z: `$` would let a line break at the end through.
_IDENTIFIER = r"\A[A-Za-z0-9_-]{1,64}\Z"
_KIOSK = r"\A[A-Za-z0-9._-]{1,64}\Z"

_Certificate = Annotated[
    str,
    Meta(
        min_length=4, max_length=4 * -(-MAX_CERTIFICATE // 3), pattern=r"\A[A-Za-z0-9+/]+={0,2}\Z"
    ),
]
_Username = Annotated[
    str, Meta(min_length=1, max_length=256, pattern=r"\A[^\u0000-\u001f\u007f-\u009f]+\Z")
]
_Proof = Annotated[str, Meta(max_length=MAX_PROOF)]
_Password = Annotated[str, Meta(max_length=256)]


class _Message(Struct, frozen=True, forbid_unknown_fields=True):
    """A request's body."""


class _ChallengeRequest(_Message, frozen=True):
    chain: Annotated[list[_Certificate], Meta(min_length=1, max_length=MAX_CHAIN)]


class _ResetRequest(_Message, frozen=True):
    username: _Username
    proof: _Proof


class _LookupRequest(_Message, frozen=True):
    proof: _Proof


class _StaffCallRequest(_Message, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]


class _LoginRequest(_Message, frozen=True):
    username: _Username
    password: _Password
    new_password: _Password = ""


M = TypeVar("M", bound=Struct)


def build(service: Service, store: Store) -> Starlette:
    """Make the web application."""
    calls = _Calls(service)
    mailbox = _Mailbox(store)
    reset = "/v1/password-resets/{id}"
    return Starlette(
        routes=[
            Route("/v1/health", calls.health, methods=["GET"]),
            Route("/v1/challenges", calls.challenge, methods=["POST"]),
            Route("/v1/password-resets", calls.open_reset, methods=["POST"]),
            Route("/v1/account-lookups", calls.look_up_accounts, methods=["POST"]),
            Route(reset, calls.status, methods=["GET"]),
            Route(f"{reset}/confirmation", calls.confirm, methods=["POST"]),
            Route(f"{reset}/resend", calls.resend, methods=["POST"]),
            Route("/v1/staff-calls", calls.call_staff, methods=["POST"]),
            Route("/v1/staff-calls/{id}", calls.cancel_staff_call, methods=["DELETE"]),
            Route("/v1/logins", calls.log_in, methods=["POST"]),
            Route("/mail", mailbox.index, methods=["GET"]),
            Route("/mail.json", mailbox.as_json, methods=["GET"]),
            Route("/mail/{number:int}", mailbox.show, methods=["GET"]),
        ],
        # A page in a browser must not reach the mailbox under a name of its own choice
        # that it makes resolve to this machine. 10.0.2.2 is this machine to QEMU's machines.
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "10.0.2.2"])
        ],
        exception_handlers={
            Refusal: _refused,
            HTTPException: _no_such_call,
            Exception: _broken,
        },
    )


class _Calls:
    """One method for each call of the contract."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def health(self, _request: Request) -> Response:
        return _json(
            {"status": "ok", "time": self._service.now(), "capabilities": ["account-lookups"]}
        )

    async def challenge(self, request: Request) -> Response:
        body = await _body(request, _ChallengeRequest)
        try:
            chain = tuple(base64_decoded(item) for item in body.chain)
        except ValueError:
            raise Refusal("invalid_request") from None
        nonce, life = await run_in_threadpool(self._service.challenge, _kiosk(request), chain)
        return _json({"challenge": nonce, "expires_in": life}, 201)

    async def open_reset(self, request: Request) -> Response:
        body = await _body(request, _ResetRequest)
        if not is_username(body.username):
            raise Refusal("invalid_request")
        opened = await run_in_threadpool(
            self._service.open_reset, _kiosk(request), body.username, body.proof
        )
        answer = {
            "id": opened.reset.id,
            "organisation": opened.organisation,
            "tax_code": opened.tax_code,
            "masked_email": letter.masked(opened.email),
            "mailbox_domain": letter.domain_of(opened.email),
            "reference": opened.reset.reference,
        }
        return _json(answer, 201)

    async def look_up_accounts(self, request: Request) -> Response:
        body = await _body(request, _LookupRequest)
        names = await run_in_threadpool(self._service.look_up_accounts, _kiosk(request), body.proof)
        return _json({"usernames": names})

    async def confirm(self, request: Request) -> Response:
        return await self._order(request, self._service.confirm)

    async def resend(self, request: Request) -> Response:
        return await self._order(request, self._service.resend)

    async def _order(
        self, request: Request, carry_out: Callable[[str, str, str], Progress]
    ) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not re.fullmatch(_IDENTIFIER, key):
            raise Refusal("invalid_request")
        identifier = request.path_params["id"]
        return _delivery(await run_in_threadpool(carry_out, _kiosk(request), identifier, key))

    async def status(self, request: Request) -> Response:
        identifier = request.path_params["id"]
        return _delivery(
            await run_in_threadpool(self._service.progress, _kiosk(request), identifier)
        )

    async def call_staff(self, request: Request) -> Response:
        body = await _body(request, _StaffCallRequest)
        await run_in_threadpool(self._service.call_staff, _kiosk(request), body.id)
        return Response(status_code=204)

    async def cancel_staff_call(self, request: Request) -> Response:
        identifier = request.path_params["id"]
        if not re.fullmatch(_IDENTIFIER, identifier):
            raise Refusal("invalid_request")
        await run_in_threadpool(self._service.cancel_staff_call, _kiosk(request), identifier)
        return Response(status_code=204)

    async def log_in(self, request: Request) -> Response:
        body = await _body(request, _LoginRequest)
        must_change = await run_in_threadpool(
            self._service.log_in, body.username, body.password, body.new_password
        )
        return _json({"status": "change_required" if must_change else "ok"})


class _Mailbox:
    """The pages on which the mails of the sandbox are read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def index(self, _request: Request) -> Response:
        mails = await self._mails()
        return _page(pages.index(mails))

    async def show(self, request: Request) -> Response:
        number = request.path_params["number"]
        mail = next((mail for mail in await self._mails() if mail.number == number), None)
        return _page(pages.missing(), 404) if mail is None else _page(pages.mail(mail))

    async def as_json(self, _request: Request) -> Response:
        return _json(await self._mails())

    async def _mails(self) -> list[Mail]:
        return [Mail.parse(stored) for stored in await run_in_threadpool(self._store.mailbox.mails)]


async def _body(request: Request, kind: type[M]) -> M:
    """Read a request's body, bounded and strict."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refusal("invalid_request")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise Refusal("invalid_request")
    except ClientDisconnect:
        # Nobody is left to read this.
        raise Refusal("invalid_request") from None
    try:
        return msgspec.json.decode(bytes(body), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal("invalid_request") from None


def _kiosk(request: Request) -> str:
    """Name of the calling kiosk. In production its client certificate says it."""
    name = request.headers.get("kiosk-id", "")
    if not re.fullmatch(_KIOSK, name):
        raise Refusal("invalid_request")
    return name


def _delivery(progress: Progress) -> Response:
    reset = progress.reset
    return _json(
        {
            "id": reset.id,
            "status": progress.status,
            "reference": reset.reference,
            "resends_left": progress.resends_left,
            "resend_after": progress.resend_after,
        }
    )


def _json(value: Any, status: int = 200, media_type: str = "application/json") -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type)


def _page(text: str, status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, status, headers, "text/html")


async def _refused(_request: Request, error: Exception) -> Response:
    """Answer with a problem document (RFC 9457)."""
    assert isinstance(error, Refusal)  # noqa: S101 - Starlette's type says Exception.
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "code": error.code,
    }
    if error.retry_after is not None:
        document["retry_after"] = error.retry_after
    response = _json(document, error.status, "application/problem+json")
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _no_such_call(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, such as 404 and 405, as problem documents."""
    status = getattr(error, "status_code", 404)
    refusal = Refusal("not_found" if status == 404 else "invalid_request")
    if status == 405:
        refusal.status = status
    response = await _refused(request, refusal)
    # With 405 come the methods that there are (RFC 9110, section 15.5.6).
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _broken(_request: Request, _error: Exception) -> Response:
    """A fault of the service itself: what was done by then is not known."""
    return Response(status_code=500)
