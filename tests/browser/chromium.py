"""Chromium as a browser that forgives nothing: what it complains about, or fetches elsewhere, fails the test."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests.conftest import find_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WAIT_MS = 45_000
WIDE, PHONE = (1200, 900), (360, 740)
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
)  # fmt: skip
# A violation of the content security policy is an event before it is a word in the console.
_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""
_AXE = {"resultTypes": ["violations"], "preload": False}  # all sheets are of the same origin
_AT_HOME = r"""() => {
  const home = (text) => text.replace(/\/tmp\/(pytest-\S*?\/office\d+|relay-sandbox-\w+)/g, "/etc/relay");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = home(texts.currentNode.data);
  for (const field of document.querySelectorAll("input[type=text]")) field.value = home(field.value);
}"""
_SERIOUS = ("serious", "critical")


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright's synchronous API: its loop is this thread's while it lasts."""
    path = find_tool("chromium")
    expect.set_options(timeout=WAIT_MS)  # a busy machine is no mistake of a page
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *flags])
        yield browser
        browser.close()


@dataclass
class Watch:
    """Everything in one context that must not be: errors on the console, in a script, requests to another host.

    `allow("403")` forgives what a test provokes: each complaint with that text.
    """

    origin: str
    complaints: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        """Watches every page of it."""
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", self._failed)
        context.on("request", self._asked)

    def allow(self, text: str) -> None:
        """A complaint with that text is meant."""
        self.allowed.append(text)

    @property
    def forbidden(self) -> list[str]:
        """What no test allowed."""
        return [one for one in self.complaints if not any(text in one for text in self.allowed)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Refused to" in message.text:
            self.complaints.append(f"console at {message.page.url if message.page else '?'}: {message.text}")

    def _failed(self, error: WebError) -> None:
        self.complaints.append(f"script: {error.error}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.complaints.append(f"request to another host: {request.url}")


def axe(page: Page) -> None:
    """Fails with every serious or critical finding of axe-core about the page as it is now."""
    found = Axe().run(page, options=_AXE).response["violations"]
    serious = [_finding(one) for one in found if one["impact"] in _SERIOUS]
    assert not serious, "\n\n".join(serious)


def _finding(violation: dict[str, Any]) -> str:
    places = [f"{' '.join(map(str, node['target']))}: {node['failureSummary']}" for node in violation["nodes"][:5]]
    return f"{violation['id']} ({violation['impact']}): {violation['help']}\n" + "\n".join(places)


def screenshot(page: Page, name: str) -> None:
    """docs/images/NAME.png, written only by `make screenshots`: pictures in the documentation come from here alone.
    Files lie in them where an administrator has them.
    """
    if os.environ.get("RELAY_SCREENSHOTS") == "1":
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.evaluate(_AT_HOME)
        page.screenshot(path=IMAGES / f"{name}.png", full_page=True)


def wider_than_the_screen(page: Page) -> int:
    """By how many pixels the page as a whole must be scrolled sideways; 0 is right at every width."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
