"""Every cell of the fault matrix, walked.

Each walk brings a customer to a step, lets the fault strike, and looks at what the kiosk
shows, whether a mail was sent, whether the way that the screen offers works once the cause
is gone, and that the next customer finds a welcome screen and nothing of this one. However
it went, the driver was asked to check a PIN no more often than Confirm was pressed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk import flow, problems
from kiosk.flow import State
from kiosk.hardware.catalogue import Family
from kiosk.sandbox.card import CardControl, CardProcess
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.server.run import SandboxServer
from tests.conftest import CELL
from tests.faults.hands import HANDS, Hands, pcscd_hands
from tests.faults.matrix import (
    FAULTS,
    NEXT,
    STANDING,
    Cell,
    Fault,
    Recovery,
    Step,
    cells,
)
from tests.faults.matrix import Rig as RigKind
from tests.faults.misbehaving import Misbehaving
from tests.faults.rig import HASTY, HOLD, PATIENT, CardRig, Rig, SoftRig
from tests.stack.parts import Pcscd
from tests.stack.softhsm import MODULE, SoftToken

OPENSC = next(Path("/usr/lib").glob("*-linux-gnu/opensc-pkcs11.so"))

pytestmark = pytest.mark.stack


@pytest.fixture(scope="session")
def soft_tokens(
    tmp_path_factory: pytest.TempPathFactory, sandbox_directory: Path
) -> Callable[[str], SoftToken]:
    """SoftHSM tokens with what the virtual tokens of these names have; made once."""
    made: dict[str, SoftToken] = {}

    def soft_token(name: str) -> SoftToken:
        if name not in made:
            token = made[name] = SoftToken(tmp_path_factory.mktemp("soft"))
            profile, _, trait = name.partition(", ")
            leaves = SandboxPki.open(sandbox_directory).leaves(profile)
            for number, (key, certificate) in enumerate(leaves, start=1):
                token.put(f"{profile} {number}", certificate, key, f"0{number}")
            for number in range(5 if trait == "several slots" else 0):
                # Which slot comes first is SoftHSM's secret: it shall hardly be the right one.
                token.add_token(f"another PIN {number}")
            if trait == "pss":
                token.forbid("CKM_RSA_PKCS", "CKM_SHA256_RSA_PKCS")
        return made[name]

    return soft_token


@pytest.fixture
def second_card(pcscd: Pcscd, sandbox_directory: Path) -> Iterator[Callable[[], CardControl]]:
    """Makes a card for the second reader."""
    with ExitStack() as stack:
        # Not pytest's folder: a socket's path has to be short.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kiosk-card-"))

        def make() -> CardControl:
            control = Path(folder) / "second"
            process = CardProcess(sandbox_directory, control, port=pcscd.second_port)
            return stack.enter_context(process).control

        yield make


def walk_id(fault: Fault, step: Step) -> str:
    return f"{fault.key}: {step.name}"


def parameters(kind: RigKind) -> list[object]:
    return [
        pytest.param(fault, step, cell, id=walk_id(fault, step))
        for fault, step, cell in cells(fault for fault in FAULTS if fault.rig is kind)
    ]


@pytest.mark.parametrize(("fault", "step", "cell"), parameters(RigKind.SOFT))
async def test_on_softhsm(
    fault: Fault,
    step: Step,
    cell: Cell,
    server: SandboxServer,
    sandbox_directory: Path,
    misbehaving_module: Path,
    soft_tokens: Callable[[str], SoftToken],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    hands = HANDS[fault.key]
    soft = soft_tokens(hands.token)
    misbehaving = Misbehaving(misbehaving_module, tmp_path, MODULE, soft.environment)
    rig = SoftRig(misbehaving, sandbox_directory, server.url)
    await walk(rig, fault, step, cell, hands, tmp_path)
    record_property(CELL, (walk_id(fault, step), rig.visitor.presses, misbehaving.logins(), 0))


@pytest.mark.parametrize(("fault", "step", "cell"), parameters(RigKind.CARD))
async def test_on_the_virtual_card(
    fault: Fault,
    step: Step,
    cell: Cell,
    server: SandboxServer,
    sandbox_directory: Path,
    misbehaving_module: Path,
    pcscd: Pcscd,
    card: CardControl,
    second_card: Callable[[], CardControl],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    hands = {**HANDS, **pcscd_hands(pcscd)}[fault.key]
    misbehaving = Misbehaving(misbehaving_module, tmp_path, OPENSC)
    rig = CardRig(misbehaving, sandbox_directory, server.url, card, second_card)
    await walk(rig, fault, step, cell, hands, tmp_path)
    verified = sum(one.status().all_verify_count for one in (card, *rig.others))
    if fault.presents_again:
        assert verified == 2 * rig.visitor.presses
    else:
        assert verified <= rig.visitor.presses
    record_property(
        CELL, (walk_id(fault, step), rig.visitor.presses, misbehaving.logins(), verified)
    )


async def walk(rig: Rig, fault: Fault, step: Step, cell: Cell, hands: Hands, folder: Path) -> None:
    """Walk one cell."""
    module = rig.misbehaving
    rig.token, rig.pin = hands.token, hands.pin
    module.shape(**hands.shape)
    hands.before(module)
    family = hands.family(Family("default", (module.module,)), folder)
    rig.start(family, HASTY if fault.hangs else PATIENT)
    try:
        await strike(rig, step, cell, hands)
        await recover(rig, step, cell, hands)
        await hands.undo(rig, step)
        await rig.leave()
        visitor = rig.visitor
        await visitor.until(lambda: visitor.mails >= cell.sent, "the mail")
        assert visitor.mails == cell.sent
        assert module.logins() <= visitor.presses
        again = module.logins("CONTEXT_SPECIFIC")
        assert again == (visitor.presses if fault.presents_again else 0)
        assert module.calls("C_Finalize") == 0
        assert set(module.unstruck()) <= {"C_Finalize"}, "the fault did not strike"
    finally:
        await rig.stop()
    assert not rig.visitor.crashes


async def strike(rig: Rig, step: Step, cell: Cell, hands: Hands) -> None:
    """Bring the customer to the step, let the fault strike, and see the cell's screen."""
    visitor = rig.visitor
    await rig.approach(step)
    await hands.arm(rig, step)
    since = len(visitor.views)
    if hands.strike is None:
        if step is Step.SIGN and hands.after_login is not None:
            await rig.trigger_after_login(hands.after_login)
        else:
            await rig.trigger(step)
    elif step in HOLD:
        await rig.hold(step, hands.strike)
    else:
        await hands.strike(rig, step)
        if step is Step.SENDING:
            visitor.client.gate.set()
        if cell.customer_goes_on:
            await rig.go_on(step)
    await visitor.sees(since, cell.screen, *cell.problems)


async def recover(rig: Rig, step: Step, cell: Cell, hands: Hands) -> None:
    """Take the way that the screen offers, the cause being gone."""
    visitor = rig.visitor
    match cell.recovery:
        case Recovery.START_OVER:
            await hands.undo(rig, step)
            visitor.assert_erased()
            problem = visitor.view.problem
            if problem in cell.or_problems and not problem.can_retry:
                return
            assert problem is problems.TOKEN_REMOVED or (problem and problem.can_retry)
            visitor.do(flow.Retried())
            await insert_if_none(rig)
            await visitor.reaches(State.USERNAME, State.CHOOSE_CERTIFICATE)
        case Recovery.LEAVE_ONE:
            visitor.assert_erased()
            await hands.undo(rig, step)
            await visitor.reaches(State.USERNAME)
        case Recovery.REMOVE_FIRST:
            visitor.assert_erased()
            await rig.remove()
            await visitor.reaches(State.TOKEN_REMOVED)
            await hands.undo(rig, step)
            visitor.do(flow.Retried())
            await visitor.reaches(State.INSERT_TOKEN)
            await rig.insert()
            await visitor.reaches(State.USERNAME)
        case Recovery.TYPE_AGAIN:
            visitor.do(flow.Retried())
            await visitor.reaches(State.PIN)
        case Recovery.WARNED:
            visitor.do(flow.Retried())
            await visitor.reaches(State.LAST_TRY)
        case Recovery.STOP:
            assert visitor.state is State.LAST_TRY
            visitor.do(flow.Stopped())
            await visitor.reaches(State.REMOVE_TOKEN)
        case Recovery.CHOOSE:
            assert len(visitor.view.certificates) > 1
            rig._choose()
            await visitor.reaches(State.USERNAME, State.CONFIRM)
        case Recovery.END:
            visitor.assert_erased()
            visitor.do(flow.Finished())
            await visitor.reaches(State.REMOVE_TOKEN)
        case Recovery.HEALS:
            await hands.undo(rig, step)
            await visitor.reaches(State.WELCOME)
        case Recovery.GOES_ON:
            if step not in STANDING and step in NEXT:
                await visitor.reaches(NEXT[step])


async def insert_if_none(rig: Rig) -> None:
    """Put the token in, unless one is in: the kiosk may not have seen it yet."""
    if rig.visitor.state is State.INSERT_TOKEN and not await rig.inserted():
        await rig.insert()
