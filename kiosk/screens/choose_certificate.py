"""Which of several certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget

from kiosk.flow import Cancelled, CertificateChosen
from kiosk.i18n import Translator
from kiosk.screens.base import JourneyScreen
from kiosk.view import CertificateView, View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words


class ChooseCertificateScreen(JourneyScreen):
    """`State.CHOOSE_CERTIFICATE`, and `State.CHOOSE_SIGNER` after the login."""

    STEP = 3
    AS_LIST = True

    def body(self) -> ComposeResult:
        """Offer the certificates by organisation, tax code and last day."""
        yield Words("certificate.title", "title")
        yield Words("certificate.text", "text")
        with VerticalScroll(id="certificates", can_focus=False):
            for number, certificate in enumerate(self.view.certificates, 1):
                yield ActionButton(
                    _description(certificate),
                    _choice(certificate.fingerprint),
                    "choice tall",
                    number=number,
                )

    def actions(self) -> Iterable[ActionButton]:
        """Out."""
        yield ActionButton("button.cancel", Cancelled, escape=True)

    def first_focus(self) -> Widget:
        """The first certificate."""
        return self.query(".choice").first()


def _choice(fingerprint: str) -> Callable[[], CertificateChosen]:
    return lambda: CertificateChosen(fingerprint)


def _description(certificate: CertificateView) -> Callable[[View, Translator], Content]:
    def describe(_view: View, t: Translator) -> Content:
        date = certificate.valid_until.strftime("%d/%m/%Y")
        details = t("certificate.valid_until", date=date)
        if certificate.tax_code:
            details = " ".join((t("label.tax_code"), certificate.tax_code, " · ", details))
        return Content.assemble((certificate.organisation, "bold"), "\n", details)

    return describe
