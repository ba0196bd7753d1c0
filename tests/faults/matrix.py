"""The fault matrix: what can go wrong, at which step, and what the customer meets then.

Data only. `test_matrix.py` walks every cell on real parts; `scripts/generate-docs` writes
`docs/faults.md` from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from kiosk import problems
from kiosk.flow import State
from kiosk.problems import Problem


class Step(Enum):
    """Where in the visit a fault strikes."""

    WELCOME = "nobody is there"
    CONSENT = "reads the notice, token in"
    INSERT = "is asked for the token"
    READING = "the token is read"
    USERNAME = "types the username"
    PREPARING = "the token is looked at again"
    PIN = "types the PIN"
    LOGIN = "the token checks the PIN"
    SIGN = "the token signs"
    CONFIRM = "is asked to confirm"
    SENDING = "the order is on its way"
    SENT = "reads that it was sent"
    REMOVE = "is asked to remove the token"


STANDING = {
    Step.WELCOME: State.WELCOME,
    Step.CONSENT: State.CONSENT,
    Step.INSERT: State.INSERT_TOKEN,
    Step.USERNAME: State.USERNAME,
    Step.PIN: State.PIN,
    Step.CONFIRM: State.CONFIRM,
    Step.SENT: State.SENT,
    Step.REMOVE: State.REMOVE_TOKEN,
}
"""Steps at which the kiosk waits for the customer, and their states."""

NEXT = {
    Step.INSERT: State.USERNAME,
    Step.READING: State.USERNAME,
    Step.USERNAME: State.PIN,
    Step.PREPARING: State.PIN,
    Step.PIN: State.CONFIRM,
    Step.LOGIN: State.CONFIRM,
    Step.SIGN: State.CONFIRM,
    Step.SENDING: State.SENT,
}
"""Where the step leads when all is well."""


class Recovery(Enum):
    """How the visit goes on, or ends."""

    GOES_ON = "goes on"
    """Nobody notices, or nothing has to be done."""
    START_OVER = "start over"
    """A button takes the customer back to the token, and it works again."""
    LEAVE_ONE = "leave one"
    """Taking the other token out goes on with the one that is left."""
    REMOVE_FIRST = "remove first"
    """Taking the token out is noticed; then a button starts over."""
    TYPE_AGAIN = "type again"
    """The PIN may be typed again."""
    STOP = "stop"
    """The default is to stop."""
    WARNED = "warned"
    """Before the PIN may be typed again, the customer is told that it is the last try."""
    CHOOSE = "choose"
    """The customer chooses."""
    END = "end"
    """The visit ends with "remove your token"."""
    HEALS = "heals"
    """The kiosk is out of service until the cause is gone, and comes back by itself."""


class Rig(Enum):
    """What the cell is walked on."""

    CARD = "virtual card, pcscd, OpenSC"
    SOFT = "fake reader, SoftHSM"


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one step."""

    screen: State
    problem: Problem | None = None
    recovery: Recovery = Recovery.GOES_ON
    sent: bool = False
    """Whether a mail is sent: as the customer ordered, never else."""
    customer_goes_on: bool = False
    """The fault shows only when the customer does what the step asks for."""

    or_problems: tuple[Problem, ...] = ()
    """Others that may come instead, where it depends on what a driver makes of nonsense."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems that may be told."""
        return (*((self.problem,) if self.problem else ()), *self.or_problems)

    @property
    def code(self) -> str:
        """Their codes; empty if there is none."""
        return " or ".join(problem.code for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong."""

    key: str
    title: str
    rig: Rig
    cells: dict[Step, Cell] = field(default_factory=dict)
    hangs: bool = False
    """Something does not answer: walked with deadlines of a second or two."""
    presents_again: bool = False
    """The key asks for the PIN at each use: one press is a login and, once it was right, a
    second C_Login for the key."""


def _removed(*steps: Step) -> dict[Step, Cell]:
    cell = Cell(State.TOKEN_REMOVED, problems.TOKEN_REMOVED, Recovery.START_OVER)
    return dict.fromkeys(steps, cell)


_TOKEN_IN_USE = (
    *(Step.READING, Step.USERNAME, Step.PREPARING, Step.PIN),
    *(Step.LOGIN, Step.SIGN, Step.CONFIRM),
)
"""From the reading of the token to the confirmation."""

_AFTERWARDS = {
    Step.SENDING: Cell(State.SENT, sent=True),
    Step.SENT: Cell(State.SENT, sent=True),
}
"""Once the order has left, only the service's answer counts."""

_GONE = {
    Step.CONSENT: Cell(State.CONSENT),
    **_removed(*_TOKEN_IN_USE),
    **_AFTERWARDS,
    Step.REMOVE: Cell(State.GOODBYE, sent=True),
}

_NO_PCSC = Cell(State.PROBLEM, problems.KIOSK_PCSC_DOWN, Recovery.START_OVER)
_WITHOUT_PCSC = {
    Step.WELCOME: Cell(State.OUT_OF_SERVICE, problems.KIOSK_PCSC_DOWN, Recovery.HEALS),
    Step.CONSENT: Cell(State.CONSENT),
    Step.INSERT: _NO_PCSC,
    **dict.fromkeys(_TOKEN_IN_USE, _NO_PCSC),
    **_AFTERWARDS,
    Step.REMOVE: Cell(State.GOODBYE, sent=True),
}

_SEVERAL = Cell(State.SEVERAL_TOKENS, problems.TOKEN_SEVERAL, Recovery.LEAVE_ONE)

_STALLED = Cell(State.TOKEN_STALLED, problems.TOKEN_STALLED, Recovery.REMOVE_FIRST)
_DRIVER = Cell(State.PROBLEM, problems.KIOSK_DRIVER_FAILED, Recovery.START_OVER)
_UNSEEN = Cell(State.PROBLEM, problems.TOKEN_NOT_RECOGNISED, Recovery.START_OVER)
_NO_MODULE = Cell(State.PROBLEM, problems.KIOSK_MODULE_MISSING, Recovery.END)

_NONSENSE = Cell(
    State.PROBLEM,
    problems.TOKEN_NOT_RECOGNISED,
    Recovery.START_OVER,
    or_problems=(problems.KIOSK_DRIVER_FAILED, problems.CERTIFICATE_MISSING),
)


def _stop(problem: Problem) -> Cell:
    recovery = Recovery.START_OVER if problem.can_retry else Recovery.END
    return Cell(State.PROBLEM, problem, recovery)


def _read(problem: Problem) -> dict[Step, Cell]:
    return {Step.READING: _stop(problem)}


def _on(step: Step, cell: Cell) -> dict[Step, Cell]:
    return {step: cell}


_CONFIRMED = {Step.SIGN: Cell(State.CONFIRM)}
_REFUSED = Cell(State.PIN_WRONG, problems.PIN_WRONG, Recovery.TYPE_AGAIN)
_LENGTH = Cell(State.PIN_WRONG, problems.PIN_LENGTH, Recovery.TYPE_AGAIN)
_LAST = Cell(State.LAST_TRY, problems.PIN_LAST_TRY, Recovery.STOP)

READERS_AND_CARDS = (
    Fault("card-removed", "the token is removed", Rig.CARD, _GONE),
    Fault("reader-removed", "the reader goes, and the token with it", Rig.SOFT, _GONE),
    Fault(
        "card-swapped",
        "another token is put in instead",
        Rig.CARD,
        {**_GONE, Step.REMOVE: Cell(State.GOODBYE, sent=True)},
    ),
    Fault(
        "card-bounced",
        "out and in again, quicker than anybody looks",
        Rig.SOFT,
        {
            Step.INSERT: Cell(State.USERNAME),
            **_removed(*_TOKEN_IN_USE),
            Step.READING: Cell(State.USERNAME),
            **_AFTERWARDS,
            Step.REMOVE: Cell(State.REMOVE_TOKEN, sent=True),
        },
    ),
    Fault(
        "second-token",
        "a second token is put in",
        Rig.CARD,
        {
            Step.CONSENT: Cell(State.CONSENT),
            Step.INSERT: _SEVERAL,
            **dict.fromkeys((Step.READING, Step.USERNAME, Step.PREPARING, Step.PIN), _SEVERAL),
            Step.LOGIN: Cell(State.CONFIRM),
            Step.SIGN: Cell(State.CONFIRM),
            Step.CONFIRM: Cell(State.CONFIRM),
            **_AFTERWARDS,
            Step.REMOVE: Cell(State.REMOVE_TOKEN, sent=True),
        },
    ),
    Fault("pcscd-stopped", "the smart card service (pcscd) stops", Rig.CARD, _WITHOUT_PCSC),
    Fault("pcscd-restarted", "pcscd is killed and comes back", Rig.CARD, _WITHOUT_PCSC),
    Fault("card-mute", "the token gives no answer to reset", Rig.CARD, _on(Step.INSERT, _UNSEEN)),
    Fault(
        "card-garbage",
        "the token answers garbage",
        Rig.CARD,
        {
            Step.READING: _NONSENSE,
            Step.PREPARING: Cell(State.PIN),
            Step.LOGIN: _DRIVER,
            Step.SIGN: _DRIVER,
        },
    ),
    Fault(
        "card-slow",
        "the token takes 2 s for each command",
        Rig.CARD,
        dict.fromkeys((Step.READING, Step.PREPARING, Step.LOGIN, Step.SIGN), _STALLED),
        hangs=True,
    ),
    Fault(
        "card-hangs",
        "the token answers no more",
        Rig.CARD,
        dict.fromkeys((Step.READING, Step.PREPARING, Step.LOGIN, Step.SIGN), _STALLED),
        hangs=True,
    ),
)

DRIVERS = (
    Fault(
        "helper-killed",
        "the process with the driver is killed",
        Rig.SOFT,
        {
            Step.CONSENT: Cell(State.CONSENT),
            Step.READING: _DRIVER,
            Step.USERNAME: Cell(State.PIN, customer_goes_on=True),
            Step.PREPARING: Cell(State.PIN),
            Step.PIN: Cell(
                State.PROBLEM,
                problems.KIOSK_DRIVER_FAILED,
                Recovery.START_OVER,
                customer_goes_on=True,
            ),
            Step.LOGIN: _DRIVER,
            Step.SIGN: _DRIVER,
        },
    ),
    Fault(
        "first-module-broken",
        "the first of two drivers is broken, the second works",
        Rig.SOFT,
        _CONFIRMED,
    ),
    Fault(
        "several-slots",
        "the token shows in several slots, one for each of its PINs",
        Rig.SOFT,
        _CONFIRMED,
    ),
    Fault("module-absent", "the driver's file is missing", Rig.SOFT, _on(Step.READING, _NO_MODULE)),
    Fault("module-no-elf", "the file is no library", Rig.SOFT, _on(Step.READING, _NO_MODULE)),
    Fault(
        "module-other-machine",
        "the library is for another kind of processor",
        Rig.SOFT,
        _on(Step.READING, _NO_MODULE),
    ),
    *(
        Fault(f"{name}-crashes", f"the driver crashes in {name}", Rig.SOFT, _on(step, _DRIVER))
        for name, step in (
            ("load", Step.READING),
            ("C_Initialize", Step.READING),
            ("C_GetSlotList", Step.READING),
            ("C_FindObjects", Step.READING),
            ("C_GetTokenInfo", Step.LOGIN),
            ("C_Login", Step.LOGIN),
            ("C_Sign", Step.SIGN),
        )
    ),
    Fault(
        "crash-while-preparing",
        "the driver crashes in C_GetTokenInfo, once",
        Rig.SOFT,
        _on(Step.PREPARING, Cell(State.PIN)),
    ),
    *(
        Fault(
            f"{name}-hangs",
            f"the driver hangs in {name}",
            Rig.SOFT,
            dict.fromkeys(steps, _STALLED),
            hangs=True,
        )
        for name, steps in (
            ("load", (Step.READING,)),
            ("C_Initialize", (Step.READING,)),
            ("C_GetSlotList", (Step.READING, Step.PREPARING, Step.LOGIN)),
            ("C_GetTokenInfo", (Step.READING, Step.PREPARING, Step.LOGIN, Step.SIGN)),
            ("C_OpenSession", (Step.READING, Step.LOGIN)),
            ("C_FindObjects", (Step.READING, Step.LOGIN, Step.SIGN)),
            ("C_GetAttributeValue", (Step.READING, Step.LOGIN, Step.SIGN)),
            ("C_Login", (Step.LOGIN,)),
            ("C_Sign", (Step.SIGN,)),
        )
    ),
    Fault(
        "C_Finalize-hangs",
        "the driver would hang in C_Finalize, which is never called",
        Rig.SOFT,
        _on(Step.REMOVE, Cell(State.REMOVE_TOKEN, sent=True)),
    ),
    Fault(
        "hangs-before-login",
        "the driver hangs when objects are listed before login",
        Rig.SOFT,
        _on(Step.READING, _STALLED),
        hangs=True,
    ),
    Fault(
        "hangs-before-login-and-known",
        "the same, and the catalogue says certificates_after_login",
        Rig.SOFT,
        _CONFIRMED,
    ),
    *(
        Fault(
            f"{function}-{code}",
            f"{function} returns CKR_{code}",
            Rig.SOFT,
            dict.fromkeys(steps, cell),
        )
        for function, code, steps, cell in (
            ("C_GetSlotList", "GENERAL_ERROR", (Step.READING, Step.LOGIN), _DRIVER),
            ("C_GetTokenInfo", "TOKEN_NOT_RECOGNIZED", (Step.READING,), _UNSEEN),
            ("C_OpenSession", "SESSION_COUNT", (Step.READING, Step.LOGIN), _DRIVER),
            ("C_FindObjects", "DEVICE_ERROR", (Step.READING,), _DRIVER),
            ("C_FindObjects", "DEVICE_REMOVED", (Step.READING,), _DRIVER),
            ("C_Login", "DEVICE_ERROR", (Step.LOGIN,), _DRIVER),
            ("C_Login", "DEVICE_REMOVED", (Step.LOGIN,), _DRIVER),
            ("C_Login", "USER_ALREADY_LOGGED_IN", (Step.LOGIN,), _DRIVER),
            ("C_Login", "PIN_LOCKED", (Step.LOGIN,), _stop(problems.PIN_LOCKED)),
            ("C_Login", "PIN_EXPIRED", (Step.LOGIN,), _stop(problems.PIN_MUST_CHANGE)),
            ("C_Login", "PIN_LEN_RANGE", (Step.LOGIN,), _LENGTH),
            (
                *("C_Login", "USER_PIN_NOT_INITIALIZED", (Step.LOGIN,)),
                _stop(problems.PIN_NOT_SET),
            ),
            ("C_SignInit", "KEY_HANDLE_INVALID", (Step.SIGN,), _DRIVER),
            ("C_Sign", "USER_NOT_LOGGED_IN", (Step.SIGN,), _DRIVER),
            ("C_Sign", "DEVICE_REMOVED", (Step.SIGN,), _DRIVER),
            ("C_SignInit", "MECHANISM_INVALID", (Step.SIGN,), Cell(State.CONFIRM)),
        )
    ),
    Fault(
        "login-answer-lost",
        "C_Login has logged in and says CKR_DEVICE_ERROR",
        Rig.SOFT,
        _on(Step.LOGIN, _DRIVER),
    ),
    Fault(
        "sizes-are-0",
        "the driver answers every size query with 0",
        Rig.SOFT,
        _on(Step.READING, _stop(problems.KIOSK_DRIVER_FAILED)),
    ),
    Fault(
        "sizes-are-0-and-known",
        "the same, and the catalogue says fixed_buffers",
        Rig.SOFT,
        _CONFIRMED,
    ),
    Fault("no-rw-sessions", "the driver refuses read-write sessions", Rig.SOFT, _CONFIRMED),
)

PINS = (
    Fault("pin-wrong", "the PIN is wrong", Rig.CARD, _on(Step.LOGIN, _REFUSED)),
    Fault("pin-last-try", "one try is left", Rig.CARD, _on(Step.PREPARING, _LAST)),
    Fault("pin-second-miss", "the second of three tries misses", Rig.CARD, _on(Step.LOGIN, _LAST)),
    Fault(
        "pin-second-miss-untold",
        "the same, and the driver does not say so then",
        Rig.CARD,
        _on(Step.LOGIN, Cell(State.PIN_WRONG, problems.PIN_WRONG, Recovery.WARNED)),
    ),
    Fault(
        "pin-locked-now",
        "the last try misses",
        Rig.CARD,
        _on(Step.LOGIN, _stop(problems.PIN_LOCKED)),
    ),
    Fault("pin-locked-before", "the PIN is locked", Rig.CARD, _read(problems.PIN_LOCKED)),
    Fault("pin-count-low", "a try has missed", Rig.SOFT, _on(Step.PREPARING, Cell(State.PIN))),
    Fault("pin-too-short", "the PIN is too short", Rig.SOFT, _on(Step.LOGIN, _LENGTH)),
    Fault("pin-too-long", "the PIN is too long", Rig.SOFT, _on(Step.LOGIN, _LENGTH)),
    Fault(
        "pin-bounds-nonsense",
        "the token tells senseless bounds of the PIN's length",
        Rig.SOFT,
        _CONFIRMED,
    ),
    Fault("pin-must-change", "the PIN has to change", Rig.SOFT, _read(problems.PIN_MUST_CHANGE)),
    Fault("pin-not-set", "the token has no user PIN", Rig.SOFT, _read(problems.PIN_NOT_SET)),
    Fault("pin-pad", "the PIN is typed on the reader", Rig.SOFT, _CONFIRMED),
    Fault(
        "pin-pad-cancelled",
        "nobody types the PIN on the reader",
        Rig.SOFT,
        _on(
            Step.LOGIN,
            Cell(State.PIN_WRONG, problems.PIN_NOT_ENTERED, Recovery.TYPE_AGAIN),
        ),
    ),
    Fault(
        "key-asks-again",
        "the key asks for the PIN at each use",
        Rig.CARD,
        _CONFIRMED,
        presents_again=True,
    ),
    Fault("token-blank", "the token was never initialised", Rig.SOFT, _read(problems.TOKEN_BLANK)),
)

CERTIFICATES = (
    Fault("no-certificate", "no certificate", Rig.CARD, _read(problems.CERTIFICATE_MISSING)),
    Fault(
        "several-certificates",
        "several certificates",
        Rig.CARD,
        _on(Step.READING, Cell(State.CHOOSE_CERTIFICATE, recovery=Recovery.CHOOSE)),
    ),
    Fault(
        "hidden",
        "the certificate shows only after login, which the catalogue does not know",
        Rig.SOFT,
        _read(problems.CERTIFICATE_MISSING),
    ),
    Fault("hidden-and-known", "the same, and the catalogue knows", Rig.SOFT, _CONFIRMED),
    Fault(
        "hidden-several",
        "the same, with several certificates",
        Rig.SOFT,
        _on(Step.LOGIN, Cell(State.CHOOSE_SIGNER, recovery=Recovery.CHOOSE)),
    ),
    Fault(
        "hidden-expired",
        "the same, and it has expired",
        Rig.SOFT,
        _on(Step.LOGIN, _stop(problems.CERTIFICATE_EXPIRED)),
    ),
    Fault(
        "key-missing",
        "the certificate's private key is missing",
        Rig.SOFT,
        _on(Step.SIGN, _stop(problems.TOKEN_KEY_MISSING)),
    ),
    Fault("expired", "the certificate has expired", Rig.CARD, _read(problems.CERTIFICATE_EXPIRED)),
    Fault("future", "it is not valid yet", Rig.CARD, _read(problems.CERTIFICATE_NOT_YET_VALID)),
    Fault("foreign", "it is of another CA", Rig.CARD, _read(problems.CERTIFICATE_FOREIGN_CA)),
    Fault("weak", "its key is RSA 1024", Rig.CARD, _read(problems.CERTIFICATE_WEAK_KEY)),
    Fault("sha1", "it is signed with SHA-1", Rig.CARD, _read(problems.CERTIFICATE_WEAK_SIGNATURE)),
    Fault(
        "wrong-usage", "it is not for signing", Rig.CARD, _read(problems.CERTIFICATE_WRONG_USAGE)
    ),
    Fault("no-tax-code", "it names no tax code", Rig.CARD, _read(problems.CERTIFICATE_NO_TAX_CODE)),
    Fault("broken", "its DER is broken", Rig.CARD, _read(problems.CERTIFICATE_UNREADABLE)),
    Fault(
        "huge-name",
        "its subject has 100 kB",
        Rig.SOFT,
        _read(problems.CERTIFICATE_UNREADABLE),
    ),
    Fault(
        "hostile-name",
        "its subject has control characters and terminal escapes",
        Rig.CARD,
        _CONFIRMED,
    ),
    Fault(
        "revoked",
        "it was revoked",
        Rig.CARD,
        _on(Step.PREPARING, _stop(problems.CERTIFICATE_REVOKED)),
    ),
    Fault(
        "suspended",
        "it is suspended",
        Rig.CARD,
        _on(Step.PREPARING, _stop(problems.CERTIFICATE_SUSPENDED)),
    ),
    Fault("pss-only", "the token signs with RSA-PSS only: that works", Rig.SOFT, _CONFIRMED),
    Fault(
        "curve-without-algorithm",
        "its key is ECDSA P-521",
        Rig.SOFT,
        _read(problems.CERTIFICATE_WEAK_KEY),
    ),
    Fault(
        "several-slots-hidden",
        "the certificate is hidden, and the token has several PINs",
        Rig.SOFT,
        _on(Step.READING, Cell(State.PROBLEM, problems.KIOSK_DRIVER_FAILED, Recovery.END)),
    ),
    *(
        Fault(f"works-{key}", f"its key is {key}: that works", Rig.SOFT, _CONFIRMED)
        for key in ("RSA2048", "RSA3072", "RSA4096", "P-256", "P-384")
    ),
)

FAULTS: tuple[Fault, ...] = (*READERS_AND_CARDS, *DRIVERS, *PINS, *CERTIFICATES)
"""Every fault."""

GROUPS: dict[str, tuple[Fault, ...]] = {
    "Readers and tokens": READERS_AND_CARDS,
    "Drivers": DRIVERS,
    "PINs": PINS,
    "Certificates and keys": CERTIFICATES,
}


def cells(faults: Iterable[Fault] = FAULTS) -> Iterator[tuple[Fault, Step, Cell]]:
    """Every cell, fault by fault, in the order of the steps."""
    for fault in faults:
        for step in Step:
            if step in fault.cells:
                yield fault, step, fault.cells[step]
