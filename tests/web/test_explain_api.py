"""What an answer of Microsoft means, asked in the dashboard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.web.asking import office, operator, viewer

if TYPE_CHECKING:
    from tests.web.asking import Asker

__all__ = ["office", "operator", "viewer"]

REFUSED = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
BOUNCE = """\
Delivery has failed to these recipients:
ann@contoso.test
Remote server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'
"""


def test_an_answer_has_meaning_reach_and_remedy(viewer: Asker) -> None:
    """Filled with the values of a profile, where one is named; by the table that judges the mail."""
    found = viewer.api("/answers/explain", text=REFUSED, profile="box")
    assert (found["rule"], found["known"], found["stage"]) == ("smtp.auth-disabled-mailbox", True, "auth")
    assert found["scope"]
    assert "box@contoso.test" in found["remedy"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (BOUNCE, "smtp.recipient-unknown"),
        ("AADSTS7000215", "entra.invalid-secret"),
        (json.dumps({"error": {"code": "ErrorSendAsDenied", "message": "no"}}), "graph.send-as-denied"),
    ],
    ids=["bounce", "number", "json"],
)
def test_it_is_read_out_of_whatever_is_pasted(viewer: Asker, text: str, rule: str) -> None:
    """A whole bounce, a number, JSON; the page says the same."""
    assert viewer.api("/answers/explain", text=text)["rule"] == rule
    page = viewer.post("/explain", text=text)
    assert page.status == 200
    assert f"<code>{rule}</code>" in page.body


def test_a_text_without_an_answer_has_words(viewer: Asker) -> None:
    """And is shown again, escaped."""
    assert viewer.json("/answers/explain", {"text": "hello"}).status == 404
    assert viewer.json("/answers/explain", {"text": REFUSED, "stage": "lunch"}).status == 400
    page = viewer.post("/explain", text="<script>hello</script>")
    assert "paste the whole line" in page.body
    assert "<script>hello" not in page.body
    assert "&lt;script&gt;hello" in page.body


def test_another_page_may_link_to_an_explanation(viewer: Asker) -> None:
    """By the query."""
    assert "entra." in viewer.get("/explain?text=AADSTS7000215").body
