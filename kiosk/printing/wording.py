"""The slip in the customer's language, from what the screen shows."""

from __future__ import annotations

from datetime import date

from kiosk.i18n import translator
from kiosk.printing.slip import Section, Slip
from kiosk.view import View


def slip_of(view: View, day: date) -> Slip:
    """Write the slip.

    Args:
        view: what the customer sees; only language, support and the case are taken from it.
        day: the date on the slip.
    """
    t = translator(view.language)
    support = view.support
    sections = [
        Section(t("slip.say"), (t("slip.mailbox" if view.lost_mailbox else "slip.password"),)),
        Section(
            t("slip.ready"), (t("slip.identity"), t("slip.licence"), t("slip.letter")), ticks=True
        ),
        Section(t("slip.asked"), (t("slip.organisation"), t("slip.way"))),
    ]
    if addresses := tuple(one for one in (support.email, support.fanpage) if one):
        sections.append(Section(t("slip.otherwise"), addresses))
    sections.append(Section(t("slip.safety"), (t("slip.change"), t("slip.secret"))))
    return Slip(
        language=view.language,
        brand="VNPT-BHXH",
        subject=t("slip.subject"),
        title=t("slip.call"),
        hotline=support.hotline,
        telephone_url=support.telephone_url,
        scan=t("slip.scan"),
        sections=tuple(sections),
        date=t("slip.date", date=f"{day:%d/%m/%Y}"),
    )
