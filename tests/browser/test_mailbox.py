"""A customer opens the mailbox with a telephone or at a desk, and reads the new password."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from kiosk.sandbox import scenario
from kiosk.sandbox.server.limits import Limits
from tests.stack.parts import require
from tests.unit.service_lab import Lab

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

PHONE, DESK = (390, 844), (1280, 900)

EMAIL = "ketoan.hoasen@gmail.com"


@pytest.fixture(scope="module", autouse=True)
def _browser_is_installed() -> None:
    require(
        {"chromium": bool(CHROMIUM), "chromium-driver": bool(DRIVER)}, "KIOSK_TEST_WITHOUT_BROWSER"
    )


class Browser:
    """Headless Chromium with a window of its own size, and all that it did."""

    def __init__(self, width: int, height: int) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for argument in (
            "--headless=new",
            # Tests may run as root, where Chromium's sandbox does not.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        # The size of the page itself: the smallest window of a desktop is wider than a phone.
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self._requested: list[str] = []

    def text(self, selector: str) -> str:
        return str(self.driver.find_element(By.CSS_SELECTOR, selector).text)

    def wait_for(self, selector: str) -> None:
        WebDriverWait(self.driver, 10).until(
            lambda driver: driver.find_elements(By.CSS_SELECTOR, selector)
        )

    def measure(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def complaints(self) -> list[str]:
        """What the console says: errors, refused styles, warnings."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self) -> list[str]:
        """The URLs of all requests so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requested.append(message["params"]["request"]["url"])
        return self._requested


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    browser = Browser(*request.param)
    yield browser
    browser.driver.quit()


@pytest.fixture
async def lab(tmp_path: Path) -> Any:
    """A sandbox in which two customers had their passwords reset, the second one twice."""
    with Lab(tmp_path, limits=Limits(resend_wait=0)) as lab:
        client = lab.client()
        other = await lab.open_reset(client, "binh-minh", "binhminh")
        await client.confirm(other.id, "first")
        reset = await lab.open_reset(client)
        await client.confirm(reset.id, "second")
        await client.resend(reset.id, "third")
        await client.close()
        yield lab


def picture(browser: Browser, tmp_path: Path, name: str) -> None:
    browser.driver.save_screenshot(str(tmp_path / f"{name}.png"))


async def test_reading_the_password(lab: Lab, browser: Browser, tmp_path: Path) -> None:
    driver = browser.driver
    driver.get(lab.server.mail_url)
    browser.wait_for("main a")
    picture(browser, tmp_path, "list")
    entries = driver.find_elements(By.CSS_SELECTOR, "main li")
    assert [EMAIL in entry.text for entry in entries] == [True, True, False]

    entries[0].find_element(By.TAG_NAME, "a").click()
    browser.wait_for("article pre")
    picture(browser, tmp_path, "mail")
    assert "Kính gửi Quý khách" in browser.text("pre")
    newest, older = lab.mailed_passwords(EMAIL)
    password = browser.text("pre").split("\n\n")[2].strip()
    assert password == newest == browser.text("pre b")
    assert lab.log_in("hoasen", older) == (401, "login_refused")
    assert lab.log_in("hoasen", scenario.OLD_PASSWORD) == (401, "login_refused")
    assert lab.log_in("hoasen", password) == (200, "change_required")

    driver.find_element(By.CSS_SELECTOR, "main > p a").click()
    browser.wait_for("main li")
    assert browser.complaints() == []
    places = {urlsplit(url)[:2] for url in browser.requested()}
    assert places == {urlsplit(lab.url)[:2]}


async def test_nothing_is_cut_off_or_too_small(lab: Lab, browser: Browser) -> None:
    for path in ("/mail", "/mail/3", "/mail/99"):
        browser.driver.get(lab.url + path)
        width = browser.measure("window.innerWidth")
        assert browser.measure("document.documentElement.scrollWidth") <= width
        # WCAG 2.2, 2.5.8: what is tapped measures 24 by 24 pixels at the least.
        for link in browser.driver.find_elements(By.TAG_NAME, "a"):
            assert min(link.rect["width"], link.rect["height"]) >= 24
        assert browser.measure("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    assert browser.driver.find_elements(By.TAG_NAME, "script") == []


async def test_an_empty_mailbox(tmp_path: Path, browser: Browser) -> None:
    with Lab(tmp_path) as lab:
        browser.driver.get(lab.server.mail_url)
        assert browser.text("article") == "Chưa có thư nào."
        assert browser.complaints() == []
