"""What a virtual card does when it was told to misbehave."""

from __future__ import annotations

import asyncio

import pytest

from kiosk.sandbox.misbehaviour import Misbehaviour

SELECT = bytes.fromhex("00A4040005A00000030800")
ASK_PIN = bytes.fromhex("00200080")
VERIFY = bytes.fromhex("0020008008") + b"12345678"
SIGN = bytes.fromhex("0087079A047C028200")
CHAINED = bytes.fromhex("1087079A047C028200")
COMMANDS = (SELECT, ASK_PIN, VERIFY, SIGN, CHAINED)


async def struck(card: Misbehaviour) -> list[bytes]:
    """The commands that are not answered as they should be."""
    return [apdu for apdu in COMMANDS if await card.answer(apdu) is not None]


async def test_a_card_behaves_until_it_is_told_otherwise() -> None:
    assert await struck(Misbehaviour()) == []


async def test_an_order_strikes_all_commands_or_one_instruction() -> None:
    card = Misbehaviour()
    card.refuse(0x6F00)
    assert await struck(card) == [*COMMANDS]
    card.refuse(0x6F00, 0x87)
    assert await struck(card) == [SIGN, CHAINED]
    card.refuse(0x6F00, 0x20)
    assert await struck(card) == [VERIFY], "a question after the tries left is no login"
    assert await card.answer(VERIFY) == b"\x6f\x00"
    card.refuse(0)
    assert await struck(card) == []


async def test_garbage_is_never_empty_and_the_same_for_a_seed() -> None:
    card = Misbehaviour()

    async def answers(seed: int) -> list[bytes]:
        card.babble(True, seed=seed)
        return [await card.answer(SELECT) or b"" for _ in range(200)]

    first = await answers(1)
    assert first == await answers(1)
    assert first != await answers(2)
    assert all(first)
    lengths = {len(answer) for answer in first}
    assert {1, 2} < lengths
    assert max(lengths) > 200
    assert any(answer.endswith(b"\x90\x00") for answer in first)
    card.babble(False)
    assert await card.answer(SELECT) is None


async def test_a_hanging_card_is_silent_until_it_may_answer() -> None:
    card = Misbehaviour()
    card.hang(True, 0x20)
    assert await card.answer(SELECT) is None
    login = asyncio.create_task(card.answer(VERIFY))
    done, _ = await asyncio.wait((login,), timeout=0.05)
    assert not done
    card.hang(True)
    done, _ = await asyncio.wait((login,), timeout=0.05)
    assert not done, "still among those that hang"
    card.hang(True, 0x87)
    async with asyncio.timeout(1):
        assert await login is None
    card.hang(False)
    assert await struck(card) == []


async def test_hanging_goes_before_other_orders() -> None:
    card = Misbehaviour()
    card.babble(True)
    card.hang(True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await card.answer(SELECT)


async def test_a_command_that_is_none_is_struck_by_no_instruction() -> None:
    card = Misbehaviour()
    card.refuse(0x6F00, 0x20)
    for apdu in (b"", b"\x00", b"\x00\x20", bytes.fromhex("002000800831")):
        assert await card.answer(apdu) is None
