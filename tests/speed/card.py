"""The token's share of a visit: how long it is waited for, and what it is asked."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kiosk.sandbox.scenario import PIN
from tests.speed.figures import Figure, Goal, Kind, Samples, compared, counted, reported
from tests.speed.floor import Floor, FloorVisit, built, floor_visit
from tests.speed.lab import Lab, environment
from tests.speed.needs import MODULE, require_opensc, require_pcscd
from tests.speed.reader import Reader, phases
from tests.speed.visit import VisitTimes

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

    def from_insertion(self, phase: float) -> float:
        """Seconds from the card's insertion, after this wait (see `phases`), until it has listed
        the certificates: it is started when PC/SC tells that there is a card."""
        with Floor(self._reader.pcscd) as loop:
            loop.begin("event")
            inserted = self._reader.insert(phase)
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


class CardPeers:
    """What the kiosk's visit is measured against at the card, and all that it gave."""

    def __init__(self, laboratory: Lab) -> None:
        """Find the tool.

        Raises:
            PeerMissing
        """
        self._reader = laboratory.peer_reader
        self._tool = Pkcs11Tool(self._reader, laboratory.folder)
        self._phases = phases(seed=2)
        self.floors: list[FloorVisit] = []
        self.lists: list[float] = []
        self.signs: list[float] = []

    def tool(self) -> float:
        """pkcs11-tool's; seconds from insertion to the list of certificates."""
        took = self._tool.from_insertion(next(self._phases))
        self.lists.append(self._tool.list())
        self.signs.append(self._tool.sign())
        self._reader.remove()
        return took

    def floor(self) -> float:
        """The floor program's; seconds for login and signature."""
        self.floors.append(floor_visit(self._reader))
        return self.floors[-1].login_and_sign


def card_figures(
    visits: Sequence[VisitTimes], listed: Samples, signed: Samples, peers: CardPeers
) -> list[Figure]:
    """Everything that a card without a pace of its own tells.

    Args:
        visits: the kiosk's.
        listed: what `CardPeers.tool` returned, in as many rounds.
        signed: what `CardPeers.floor` returned.
        peers: what they have kept; rounds that are not measured come first.
    """
    rounds = len(visits)
    floors = peers.floors[-rounds:]
    lists, signs = _ms(peers.lists[-rounds:]), _ms(peers.signs[-rounds:])

    def ours(value: Callable[[VisitTimes], float]) -> Samples:
        return Samples([value(one) * _MS for one in visits])

    proof = ours(lambda one: one.proof)
    event = ours(lambda one: one.event)
    read = _ms([one.read for one in floors])
    count = counted(proof, "visits")
    return [
        compared(
            "card inserted → identity on screen",
            "ms",
            ours(lambda one: one.identity),
            _ms(listed.values),
            "pkcs11-tool --list-objects --type cert",
            Goal(Kind.RATIO, 0.5),
            note=f"{count}; from the card's connection on; both wait for pcscd, which looks at the "
            "reader every 400 ms, at a random phase; the tool is started at PC/SC's event",
        ),
        compared(
            "PC/SC's event → identity on screen",
            "ms",
            ours(lambda one: one.identity - one.event),
            lists,
            "pkcs11-tool --list-objects --type cert, card in",
            None,
            note="without the wait for pcscd",
        ),
        compared(
            "PC/SC's event → certificates, the module's share",
            "ms",
            read,
            lists,
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
            signs,
            "pkcs11-tool --login --sign",
            Goal(Kind.RATIO, 0.5),
            note="from the key's byte on the terminal to the card's answer with the signature, "
            "without what is made of it and sent",
        ),
        compared(
            "PIN Confirm → signed proof",
            "ms",
            proof,
            _ms(signed.values),
            "C_Login, C_Sign in C, module open",
            Goal(Kind.RATIO, 1.2),
        ),
        reported(
            "PIN Confirm → the proof's first byte at the service",
            "ms",
            ours(lambda one: one.proof + one.delivered),
            note=f"the signed proof is made of the card's answer and sent in "
            f"{ours(lambda one: one.delivered).median:.1f} ms of it (median), over a connection "
            "that is open; seen by the service",
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


def _ms(seconds: Sequence[float]) -> Samples:
    return Samples([one * _MS for one in seconds])


NEEDS = (require_pcscd, require_opensc, built)
