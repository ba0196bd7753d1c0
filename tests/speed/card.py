"""The token's share of a visit: how long it is waited for, and what it is asked."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.sandbox.scenario import PIN
from tests.speed.figures import Figure, Goal, Kind, Samples, compared
from tests.speed.floor import Floor, FloorVisit, built, floor_visit
from tests.speed.lab import Lab, Reader, environment, lab
from tests.speed.needs import MODULE, require_opensc, require_pcscd
from tests.speed.turns import Measure, Turns
from tests.speed.visit import VisitTimes, visit

LIST = ("--list-objects", "--type", "cert")
SIGN = ("--login", "--pin", PIN, "--sign", "--mechanism", "SHA256-RSA-PKCS", "--id", "01")

_MESSAGE_LENGTH = 1024
"""Bytes that the peers sign. The token's driver makes a hash of them first."""

_MS = 1000


class Pkcs11Tool:
    """OpenSC's own program, on a reader."""

    def __init__(self, reader: Reader, folder: Path) -> None:
        """Find it.

        Raises:
            PeerMissing
        """
        self._reader = reader
        self._command = [require_opensc(), "--module", str(MODULE)]
        message = folder / "message"
        message.write_bytes(b"m" * _MESSAGE_LENGTH)
        self._sign = (*SIGN, "--input-file", str(message), "--output-file", "/dev/null")

    def from_insertion(self) -> float:
        """Seconds from the card's insertion until it has listed the certificates: it is started
        when PC/SC tells that there is a card."""
        with Floor(self._reader.pcscd) as loop:
            loop.begin("event")
            inserted = self._reader.insert()
            loop.result()
            self._run(LIST)
            return time.monotonic() - inserted

    def list(self) -> float:
        """Seconds that it takes to list the certificates of the card that is in."""
        return self._timed(LIST)

    def sign(self) -> float:
        """Seconds that it takes to sign with the card that is in."""
        return self._timed(self._sign)

    def _timed(self, arguments: tuple[str, ...]) -> float:
        begin = time.monotonic()
        self._run(arguments)
        return time.monotonic() - begin

    def _run(self, arguments: tuple[str, ...]) -> None:
        subprocess.run(
            [*self._command, *arguments],
            env=environment(self._reader.pcscd),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )


class Sides:
    """Takes the visits of both sides in turn, and keeps all of what they gave."""

    def __init__(self, laboratory: Lab, kiosk: Callable[[], VisitTimes]) -> None:
        self._kiosk = kiosk
        self._reader = laboratory.peer_reader
        self._tool = Pkcs11Tool(self._reader, laboratory.folder)
        self.visits: list[VisitTimes] = []
        self.floors: list[FloorVisit] = []
        self.lists: list[float] = []
        self.signs: list[float] = []

    def ours(self) -> float:
        """A visit at the kiosk; seconds from insertion to identity."""
        self.visits.append(self._kiosk())
        return self.visits[-1].identity

    def tool(self) -> float:
        """pkcs11-tool's; seconds from insertion to the list of certificates."""
        took = self._tool.from_insertion()
        self.lists.append(self._tool.list())
        self.signs.append(self._tool.sign())
        self._reader.remove()
        return took

    def floor(self) -> float:
        """The floor program's; seconds for login and signature."""
        self.floors.append(floor_visit(self._reader))
        return self.floors[-1].login_and_sign


def measure_card(turns: Turns) -> list[Figure]:
    """Everything that a card without a pace of its own tells."""
    with lab() as laboratory, laboratory.kiosk() as console:
        sides = Sides(laboratory, lambda: visit(laboratory, console))
        inserted, listed, signed = turns.alternate(
            turns.rounds(12, 2), sides.ours, sides.tool, sides.floor, unmeasured=1
        )
    visits, floors = sides.visits[1:], sides.floors[1:]

    def ours(value: Callable[[VisitTimes], float]) -> Samples:
        return Samples([value(one) * _MS for one in visits])

    proof = ours(lambda one: one.proof)
    event = ours(lambda one: one.event)
    read = Samples([one.read * _MS for one in floors])
    return [
        compared(
            "card inserted → identity on screen",
            "ms",
            _ms(inserted),
            _ms(listed),
            "pkcs11-tool --list-objects --type cert",
            Goal(Kind.RATIO, 0.5),
            note="both from the card's connection on, and both wait for pcscd to look at the "
            "reader, which it does every 400 ms; the tool is started at PC/SC's event",
        ),
        compared(
            "PC/SC's event → identity on screen",
            "ms",
            ours(lambda one: one.identity - one.event),
            Samples([one * _MS for one in sides.lists[1:]]),
            "pkcs11-tool --list-objects --type cert, card in",
            None,
            note="without the wait for pcscd",
        ),
        compared(
            "PC/SC's event → certificates, the module's share",
            "ms",
            read,
            Samples([one * _MS for one in sides.lists[1:]]),
            "pkcs11-tool --list-objects --type cert, card in",
            None,
            note="the floor program, with the module loaded: what no kiosk can be below",
        ),
        compared(
            "card inserted → kiosk's first command to it",
            "ms",
            ours(lambda one: one.first_command),
            event,
            "SCardGetStatusChange loop",
            Goal(Kind.MORE, 25),
            note="same insertion, seen by both",
        ),
        compared(
            "card inserted → identity, own share after PC/SC's event",
            "ms",
            ours(lambda one: one.identity),
            Samples([one + read.median for one in event.values]),
            "SCardGetStatusChange loop, then the floor program's reading",
            Goal(Kind.MORE, 25),
            note="with the new screen; what the module takes to read the card is not the kiosk's",
        ),
        compared(
            "PIN Confirm → signed proof",
            "ms",
            proof,
            Samples([one * _MS for one in sides.signs[1:]]),
            "pkcs11-tool --login --sign",
            Goal(Kind.RATIO, 0.5),
            note="from the key's byte on the terminal to the card's answer with the signature, "
            "without what is made of it and sent",
        ),
        compared(
            "PIN Confirm → signed proof",
            "ms",
            proof,
            _ms(signed),
            "C_Login, C_Sign in C, module open",
            Goal(Kind.RATIO, 1.2),
        ),
        compared(
            "card commands, PIN Confirm → signed proof",
            "APDUs",
            Samples([max(float(len(one.proof_apdus)) for one in visits)]),
            Samples([min(float(len(one.proof_apdus)) for one in floors)]),
            "the floor program's",
            Goal(Kind.RATIO, 1.0),
            note="the most of any visit, and the fewest of any of the program's runs",
        ),
        compared(
            "card commands, whole visit",
            "APDUs",
            Samples([max(float(one.apdus) for one in visits)]),
            Samples([min(float(one.read_apdus + len(one.proof_apdus)) for one in floors)]),
            "the floor program's",
            Goal(Kind.RATIO, 1.1),
        ),
    ]


def _ms(samples: Samples) -> Samples:
    return Samples([one * _MS for one in samples.values])


NEEDS = (require_pcscd, require_opensc, built)

MEASURES: tuple[Measure, ...] = (
    Measure("card", "Token: reading, PIN, proof", measure_card, NEEDS),
)
