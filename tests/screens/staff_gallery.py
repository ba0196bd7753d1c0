"""The pages of staff mode, made by the product from what a kiosk might know."""

from __future__ import annotations

from datetime import datetime

from kiosk import problems
from kiosk.audit import Record
from kiosk.flow import StaffTopic, State
from kiosk.hardware.readers import ReaderState
from kiosk.pin import PinBuffer
from kiosk.staff.codes import codes_page
from kiosk.staff.diagnostics import export_page
from kiosk.staff.health import Health, health_page
from kiosk.staff.page import Row, Say, StaffPage, StaffView, Status
from kiosk.staff.qr_test import qr_page
from kiosk.staff.service_test import service_page
from kiosk.staff.switch import CONFIRM, restart_page, switch_page
from kiosk.staff.token_test import token_page
from kiosk.staff.visits import past_visits, visit_rows
from kiosk.staff.wording import troubled
from kiosk.view import View

NOW = datetime(2026, 11, 25, 9, 41).astimezone()


def health(*troubles: problems.Problem, readers: ReaderState | None = None) -> Health:
    return Health(
        readers=readers or ReaderState(available=True),
        troubles=troubles,
        service_known=True,
        kiosk_id="quay-01",
        since=datetime(2026, 11, 25, 3, 30).astimezone(),
        now=NOW,
        free=52_000_000_000,
        hours=("07:30-11:30", "13:00-17:00"),
    )


def _visit(
    number: int, outcome: str, reference: str = "", tax_code: str = "01******01"
) -> list[Record]:
    time = f"2026-11-25T{number:02}:12:07.120Z"
    return [
        Record(seq=number, time=time, what="visit begun", visit=f"v{number}"),
        Record(
            seq=number,
            time=time,
            what="visit ended",
            visit=f"v{number}",
            outcome=outcome,
            reference=reference,
            tax_code=tax_code,
        ),
    ]


RECORDS = [
    *_visit(1, "sent", "BH-7KQ2MX"),
    *_visit(2, "P03"),
    *_visit(3, "Declined", tax_code=""),
    *_visit(4, "ForgotUsername", tax_code=""),
    *_visit(5, "interrupted"),
    *_visit(6, "sent", "BH-2HQV8M", "03*******-001"),
    *_visit(7, "C02"),
    *_visit(8, "S07", "BH-XX3PPD"),
    *(
        Record(seq=8, time="", what=what, visit="v8", effect="send", outcome=outcome)
        for what, outcome in (("effect begun", ""), ("effect done", "OutcomeUnknown"))
    ),
    *_visit(9, "timed out"),
    *_visit(10, "cancelled", tax_code=""),
    Record(seq=99, time="2026-11-25T11:12:00Z", what="visit begun", visit="v11"),
]

VISITS = StaffPage(StaffTopic.VISITS, Say("staff.visits.title"), visit_rows(past_visits(RECORDS)))

READER = Row(Say("staff.token.reader"), Status.OK, ("Feitian ePass2003 00 00",))

TOKEN_GOOD = token_page(
    (
        READER,
        Row(
            "CÔNG TY TNHH THƯƠNG MẠI HOA SEN - CHI NHÁNH THỪA THIÊN HUẾ",
            Status.OK,
            (
                Say("staff.token.tax_code", {"tax_code": "0100000001-001"}),
                Say("staff.token.until", {"date": "30/06/2027"}),
            ),
        ),
        Row(Say("staff.token.good"), Status.OK),
    )
)

SERVICE_GOOD = service_page(
    (
        Row(
            Say("staff.service.answer"),
            Status.OK,
            (Say("staff.service.took", {"seconds": "1"}),),
        ),
        Row(Say("staff.service.tls"), Status.OK),
        Row(Say("staff.service.clock_right"), Status.OK),
    )
)

EXPORT_PATH = "/var/lib/vnpt-bhxh-kiosk/export/kiosk-quay-01-20261125-094107.zip"


def _typed(count: int) -> PinBuffer:
    buffer = PinBuffer()
    for _ in range(count):
        buffer.append("7")
    return buffer


def _login(count: int = 0, **standing: object) -> View:
    return View(
        State.STAFF_LOGIN,
        pin=_typed(count),
        pin_length=(6, 12),
        staff_mode=StaffView(**standing),  # type: ignore[arg-type]
    )


def _staff(page: StaffPage) -> View:
    return View(State.STAFF, staff_mode=StaffView(page=page))


STAFF_VIEWS: dict[str, View] = {
    "out of service, by staff": View(State.OUT_OF_SERVICE, problem=problems.KIOSK_TAKEN_OUT),
    "staff health, taken out": _staff(health_page(health(problems.KIOSK_TAKEN_OUT))),
    "staff login": _login(6),
    "staff login, refused": _login(refused=True, wait=61),
    "staff login, unchecked": _login(unchecked=True),
    "staff login, checking": _login(8, checking=True),
    "staff health": _staff(
        health_page(health(readers=ReaderState(True, ("Feitian ePass2003 00 00",))))
    ),
    "staff health, troubled": _staff(
        health_page(
            health(
                problems.KIOSK_PCSC_DOWN,
                problems.KIOSK_CLOCK,
                problems.KIOSK_DISK,
                problems.SERVICE_UNREACHABLE,
                problems.KIOSK_CLOSED,
                readers=ReaderState(available=False),
            )
        )
    ),
    "staff visits": _staff(VISITS),
    "staff codes": _staff(codes_page("")),
    "staff codes, unknown": _staff(codes_page("K99")),
    "staff codes, group S": _staff(codes_page("S")),
    "staff code S07": _staff(codes_page("S07")),
    "staff token": _staff(token_page()),
    "staff token, good": _staff(TOKEN_GOOD),
    "staff token, expired": _staff(
        token_page(
            (
                READER,
                troubled(
                    Say("staff.token.stops"),
                    problems.CERTIFICATE_EXPIRED,
                    facts={"date": "30/06/2026"},
                ),
            )
        )
    ),
    "staff QR": _staff(qr_page("https://mail.google.com")),
    "staff service": _staff(service_page()),
    "staff service, good": _staff(SERVICE_GOOD),
    "staff service, untrusted": _staff(
        service_page((troubled(Say("staff.service.answer"), problems.KIOSK_SERVICE_UNTRUSTED),))
    ),
    "staff switch": _staff(switch_page(off=False)),
    "staff switch, off": _staff(switch_page(off=True)),
    "staff switch, sure": _staff(switch_page(off=False, part=CONFIRM)),
    "staff restart": _staff(restart_page()),
    "staff restart, sure": _staff(restart_page(CONFIRM)),
    "staff export": _staff(export_page()),
    "staff export, kept": _staff(
        export_page(
            (
                Row(Say("staff.export.stick_failed"), Status.WARNING),
                Row(Say("staff.export.in_folder"), Status.OK, (EXPORT_PATH,)),
            )
        )
    ),
}
"""By name."""
