"""A thousand confirmations over a network that loses, repeats and reorders, from kiosks that
are killed meanwhile: one mail for each that the service has taken, and never two for one visit.

`KIOSK_CONFIRMATIONS` is how many, `KIOSK_WALK_SEED` which.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kiosk.sandbox.server.database import FILE
from kiosk.sandbox.server.limits import Limits
from kiosk.sandbox.server.run import SandboxServer
from tests.conftest import FIGURE
from tests.service.rough_network import Fate, RoughNetwork
from tests.walks.figures import SEED

CONFIRMATIONS = int(os.environ.get("KIOSK_CONFIRMATIONS", "1000"))
KIOSKS = 6
LIMITS = Limits(per_username=10**6, per_certificate=10**6, per_kiosk=10**6)


class Kiosks:
    """The kiosks' processes; each is started again when it was killed."""

    def __init__(self, network: RoughNetwork, audience: str, state: Path) -> None:
        self._starter = subprocess.Popen(
            [*(sys.executable, "-m", "tests.service.customer"), network.url, audience, str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._processes = {number: self._start(number) for number in range(KIOSKS)}
        self.kills = 0

    def _start(self, number: int) -> int:
        """Start a kiosk; return a descriptor of its process."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(f"{number}\n")
        self._starter.stdin.flush()
        return os.pidfd_open(int(self._starter.stdout.readline()))

    def kill(self, number: int) -> None:
        """Kill a kiosk, wherever it is, and start it again.

        Raises:
            ProcessLookupError: it has ended by itself.
        """
        self._kill(number)
        self.kills += 1
        self._processes[number] = self._start(number)

    def _kill(self, number: int) -> None:
        process = self._processes.pop(number)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            ended = select.poll()
            ended.register(process, select.POLLIN)
            assert ended.poll(10_000), "a kiosk that was killed goes on"
        finally:
            os.close(process)

    def stop(self) -> None:
        for number in list(self._processes):
            self._kill(number)
        self._starter.communicate()


def journal(state: Path) -> list[dict[str, Any]]:
    """What the kiosks have written; a killed one may have left half a line."""
    entries = []
    for file in sorted(state.glob("journal-*")):
        for line in file.read_text(encoding="utf-8").split("\n"):
            if line.endswith("}") and line.startswith("{"):
                entries.append(json.loads(line))
    return entries


def asked(state: Path) -> list[str]:
    return [entry["asked"] for entry in journal(state) if "asked" in entry]


@pytest.mark.timeout(900)
def test_one_mail_for_each_confirmation_that_was_taken(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED)  # noqa: S311
    with (
        SandboxServer(tmp_path, limits=LIMITS) as server,
        RoughNetwork(server.url, SEED) as network,
    ):
        kiosks = Kiosks(network, server.url, tmp_path)
        try:
            while len(asked(tmp_path)) < CONFIRMATIONS:
                # Not waiting for anything: a kill has to come at any moment.
                time.sleep(chance.uniform(0.5, 1.5))
                kiosks.kill(chance.randrange(KIOSKS))
        finally:
            kiosks.stop()
        network.come_to_rest()

    resets = asked(tmp_path)
    assert len(resets) == len(set(resets)) >= CONFIRMATIONS
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        orders = db.execute("SELECT reset_id, message_id, kind, state FROM orders").fetchall()
        mails = Counter(message_id for (message_id,) in db.execute("SELECT message_id FROM mails"))
    assert {kind for _, _, kind, _ in orders} == {"confirmation"}
    taken = Counter(reset_id for reset_id, *_ in orders)
    assert max(taken.values()) == 1, "one visit, two orders"
    assert max(mails.values()) == 1, "one order, two mails"
    assert set(mails) == {message_id for _, message_id, _, _ in orders}
    assert set(taken) <= set(resets), "a mail that nobody has confirmed"

    told = {entry["of"]: entry["told"] for entry in journal(tmp_path) if "told" in entry}
    for reset_id, outcome in told.items():
        if outcome in ("sent", "delivered", "pending"):
            assert taken[reset_id] == 1, "said to be on its way, and is not"
        elif outcome != "unknown":
            assert taken[reset_id] == 0, f"said to be {outcome}, and was mailed"

    fates = network.fates
    assert all(fates[fate] for fate in Fate), fates
    assert kiosks.kills
    outcomes = Counter(told.values())
    record_property(
        FIGURE,
        f"exactly once: {len(resets)} confirmations (seed {SEED}), {len(taken)} taken, "
        f"{sum(mails.values())} mails, none twice; {kiosks.kills} kiosks killed, "
        f"{fates[Fate.LOST]} answers lost, "
        f"{fates[Fate.REPEATED] + fates[Fate.TWICE_AT_ONCE]} requests repeated, "
        f"{fates[Fate.LATE]} reordered; told: "
        + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()),
    )
