"""What the bench makes of a card's record and pace, and of HTTP's messages."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.speed import sandbox_service
from tests.speed.apdus import POWER, Apdu, Pace, Record, apdus_of, card_time
from tests.speed.reader import LOOKS, phases
from tests.speed.service import content_length, is_whole, recorded_order
from tests.speed.visit import VisitTimes

VERIFY = Apdu(10.0, 10.25, "00200080", 9, "9000")
CHAINED = Apdu(11.0, 11.5, "1087079a", 256, "9000")
SIGN = Apdu(12.0, 13.0, "0087079a", 13, "6108")


def test_a_record_is_read_back_as_it_was_written() -> None:
    power = Apdu(9.0, 9.0, POWER, 0, "0000")
    text = "".join(one.as_line() for one in (power, VERIFY, CHAINED, SIGN))
    assert apdus_of(text) == [VERIFY, CHAINED, SIGN]


def test_a_line_that_is_not_whole_yet_is_left_out() -> None:
    text = VERIFY.as_line() + SIGN.as_line()
    assert apdus_of(text[:-1]) == [VERIFY]
    assert apdus_of(text[: len(VERIFY.as_line()) - 1]) == []


def test_a_foreign_line_is_refused() -> None:
    with pytest.raises(ValueError, match="unpack"):
        apdus_of("12.0 00200080\n")


def test_a_record_is_read_from_a_mark_on(tmp_path: Path) -> None:
    path = tmp_path / "apdus"
    path.write_text(VERIFY.as_line())
    record = Record(path)
    mark = record.mark
    with path.open("a") as file:
        file.write(SIGN.as_line())
    assert record.since(mark) == [SIGN]
    assert record.since(0) == [VERIFY, SIGN]


def test_only_the_last_command_of_a_chain_signs() -> None:
    assert [one.signs for one in (VERIFY, CHAINED, SIGN)] == [False, False, True]


def test_the_time_of_the_card_is_the_sum_of_its_commands() -> None:
    assert card_time([VERIFY, CHAINED, SIGN]) == pytest.approx(1.75)
    assert card_time([]) == 0


def test_a_card_takes_longer_for_a_signature(tmp_path: Path) -> None:
    Pace(command=20, signature=400).write(tmp_path)
    pace = Pace.read(tmp_path)
    headers = [bytes.fromhex(one.header) for one in (VERIFY, CHAINED, SIGN)]
    assert [pace.seconds(header + b"data") for header in headers] == [0.02, 0.02, 0.42]
    Pace().write(tmp_path)
    assert Pace.read(tmp_path).seconds(headers[2]) == 0


def test_insertions_meet_each_part_of_the_interval_between_two_looks() -> None:
    waits = list(islice(phases(seed=1), 40))
    assert all(0 <= wait <= LOOKS for wait in waits)
    for four in (waits[number : number + 4] for number in range(0, 40, 4)):
        assert sorted(int(wait / LOOKS * 4) for wait in four) == [0, 1, 2, 3]
    assert waits == list(islice(phases(seed=1), 40))
    assert waits != list(islice(phases(seed=2), 40))


def test_the_services_log_tells_of_the_first_one_after_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "service.log"
    path.write_text("proof 1.5\norder 1.75 1.8\nproof 2.5\norder 2.75 3.0\nproof 3.0\nproof 3.5")
    monkeypatch.setattr(sandbox_service, "PATIENCE", 0.0)
    log = sandbox_service.ServiceLog(path)
    assert log.proof(2.0) == 2.5
    assert log.order(2.0) == 0.25
    with pytest.raises(RuntimeError, match="no order"):
        log.order(3.0)
    with pytest.raises(RuntimeError, match="no proof"):
        log.proof(3.25)


def test_a_visit_counts_and_sums_all_of_its_parts() -> None:
    one = VisitTimes(
        event=0.25,
        first_command=0.3,
        identity=0.75,
        pin_asked=0.125,
        proof=2.0,
        delivered=0.5,
        sent=1.0,
        served=0.75,
        read_apdus=(VERIFY, VERIFY),
        prepare_apdus=(VERIFY,),
        proof_apdus=(VERIFY, CHAINED, SIGN),
        apdus=6,
    )
    assert one.waited == pytest.approx(0.5 + 0.125 + 2.0)
    assert one.card_time == pytest.approx(4 * 0.25 + 0.5 + 1.0)
    assert one.proof_card_time == pytest.approx(1.75)


def test_the_length_of_an_http_message() -> None:
    assert content_length(b"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n") == 12
    assert content_length(b"HTTP/1.1 200 OK\r\ncontent-length:3\r\nX: 4\r\n\r\n") == 3
    assert content_length(b"HTTP/1.1 200 OK\r\nX-Content-Length: 3\r\n\r\n") == 0


def test_an_answer_is_whole_with_its_last_byte() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    assert is_whole(answer)
    assert not any(is_whole(answer[:length]) for length in range(len(answer)))


def test_an_order_is_recorded_as_the_client_sends_it() -> None:
    order = recorded_order("reset-1", "key-1")
    head, _, content = order.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/password-resets/reset-1/confirmation HTTP/1.1\r\n")
    assert b"\r\nidempotency-key: key-1\r\n" in head.lower() + b"\r\n"
    assert content == b"{}"
