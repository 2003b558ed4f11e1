"""The token step of an examination, and the clock before it: Entra answers, and what its token says is read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import time as now
from typing import TYPE_CHECKING

from relay.config.settings import Resource, TransportKind
from relay.control.doctor_step import Failed, Skipped
from relay.tokens import claims
from relay.tokens.answers import Recorder, innermost_words
from relay.upstream.credentials import route_of

if TYPE_CHECKING:
    from relay.control.doctor_patient import Patient
    from relay.tokens.source import Token

CLOCK_S = 300.0
"""Tokens and signed assertions are good from a moment of this machine's clock; Entra allows five minutes either way."""

HVE_S = 600.0
"""High Volume Email refuses tokens with less to go (501 5.5.127)."""


async def clock_agrees(patient: Patient) -> str:
    """This machine's clock beside the Date of Entra's web server."""
    url = f"{patient.app.authority_url}/v2.0/.well-known/openid-configuration"
    try:
        date, at = await asyncio.to_thread(_date_of, patient, url)
    except OSError as error:
        raise Skipped(f"nobody answered at {url}", answer=innermost_words(error)) from error
    if date is None:
        raise Skipped(f"{url} names no date")
    off = at - date.timestamp()
    if abs(off) <= CLOCK_S:
        return f"this machine and Entra agree within {abs(off) + 1:.0f} s"
    raise Failed(
        f"this machine's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}",
        answer=f"Date: {date:%a, %d %b %Y %H:%M:%S} GMT",
        meaning="What is signed with a certificate is not valid yet or no longer, in Entra's eyes (AADSTS700024).",
        remedy="let the clock be set by NTP:  timedatectl set-ntp true",
    )


async def token_words(patient: Patient, found: list[Token]) -> str:
    """A token, put into `found`, and what it says of itself."""
    token = await patient.source().token()
    found.append(token)
    left_s = token.expires_at - now()
    if patient.kind is TransportKind.HVE and left_s < HVE_S:
        raise Failed(
            f"the token ends in {left_s / 60:.0f} minutes",
            meaning="High Volume Email refuses tokens with less than about ten minutes to go (501 5.5.127).",
            remedy="lengthen the tokens of the app (token lifetime policy), at least 15 minutes",
        )
    return f"a token for {left_s / 60:.0f} minutes; {_said(patient, token)}"


def _said(patient: Patient, token: Token) -> str:
    """The claims in words. Raises `Failed` when they are for somebody else."""
    read = claims.read(token.value)
    if not read.readable:
        return "it cannot be read (no JWT), which is no mistake"
    resource = Resource.GRAPH if patient.kind is TransportKind.GRAPH else Resource.OUTLOOK
    remarks = claims.remarks(
        read, scope=patient.settings.scope_of(patient.name, resource), tenant=patient.app.tenant,
        client_id=patient.app.client_id, now=now(),
    )  # fmt: skip
    words = "; ".join([_listed(read), *(remark.text for remark in remarks)])
    if any(remark.wrong for remark in remarks):
        raise Failed(words, remedy=f"look at tenant, client_id, cloud and scope of apps.{patient.profile.app}")
    return words


def _listed(read: claims.Claims) -> str:
    facts = {"aud": read.audience, "tid": read.tenant, "appid": read.app}
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value)


def _date_of(patient: Patient, url: str) -> tuple[datetime | None, float]:
    recorder = Recorder(route_of(patient.settings, patient.app))
    try:
        answer = recorder.get(url)
    finally:
        recorder.close()
    at = now()
    try:
        return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC), at
    except (KeyError, ValueError):
        return None, at
