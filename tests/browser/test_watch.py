"""The harness itself: it must see what it claims to forbid."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import axe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Browse


def test_what_a_page_must_not_do_is_seen(browse: Browse) -> None:
    """An inline script, another host, an error and an exception; all of them are told, and nothing ran."""
    page = browse("/")
    page.evaluate(
        """() => {
          document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran = true"}));
          document.body.append(Object.assign(new Image(), {src: "http://127.0.0.2:9/pixel.png"}));
          setTimeout(() => { console.error("an error"); throw new Error("an exception"); });
        }"""
    )
    page.wait_for_event("console", lambda message: message.text == "an error")
    browse.close()
    said = "\n".join(browse.watch.forbidden)
    for complaint in ("CSP: script-src-elem forbids inline", "img-src", "an error", "script: an exception"):
        assert complaint in said
    browse.watch.allow("")


def test_what_people_cannot_use_is_seen(browse: Browse) -> None:
    """A field without a label is a critical finding."""
    page = browse("/sign-in", role=None)
    axe(page)
    page.evaluate("() => document.querySelectorAll('label').forEach((one) => one.remove())")
    with pytest.raises(AssertionError, match="label"):
        axe(page)


def test_nobody_sees_a_page_without_signing_in(browse: Browse) -> None:
    """Only the form, and no way on."""
    page = browse("/", role=None)
    expect(page).to_have_title("Sign in · relay")
    expect(page.get_by_role("navigation")).to_have_count(0)


@pytest.fixture(scope="module", autouse=True)
def loop_given_back() -> Iterator[None]:
    """Async tests of the next module find no loop running in this thread."""
    yield
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
