"""Verdict rows for refusals that the relay makes itself, for a transport that would not take the message, and for High
Volume Email's own refusal of the same thing.
"""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, ReplyRow

_HVE = "Microsoft, manage High Volume Email: internal recipients only since June 2025"
_OTHER_WAY = "send this device's mail through a profile with transport: smtp"

LOCAL = (
    ReplyRow(
        rule="relay.graph-too-big",
        cls=Class.MESSAGE,
        scope=Scope.MESSAGE,
        says="too large for Microsoft Graph",
        answer="552 5.3.4 this relay: message too large for Microsoft Graph: 4194304 bytes, at most 3000000",
        meaning="The message is larger than Graph takes in one request; the relay did not try.",
        remedy="profiles.{profile}.fallback: smtp   with   profiles.{profile}.graph.too_big: fallback; or "
        "profiles.{profile}.transport: smtp; or scan with a lower resolution",
        source="this relay; Microsoft Graph documentation, issues 682 and 13979",
    ),
    ReplyRow(
        rule="relay.hve-external",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        says="this relay: High Volume Email delivers to internal recipients only",
        answer="550 5.7.1 this relay: High Volume Email delivers to internal recipients only; example.net is not in "
        "internal_domains",
        meaning="High Volume Email delivers inside the organization only, and this domain is not one of its own; the "
        "relay did not try.",
        remedy="Add the domain to profiles.{profile}.internal_domains if it is one of the organization's (check: "
        "Get-AcceptedDomain); else " + _OTHER_WAY,
        source="this relay; " + _HVE,
    ),
    ReplyRow(
        rule="smtp.hve-external",
        cls=Class.RECIPIENT,
        scope=Scope.RECIPIENT,
        says=r"(HVE|High[- ]Volume[- ]Email).{0,120}(external|internal)|(external|internal).{0,120}High[- ]Volume",
        stages=("rcpt", "data", "final"),
        answer="550 5.7.1 High Volume Email cannot send to external recipients",
        meaning="High Volume Email delivers inside the organization only.",
        remedy="List the organization's domains under profiles.{profile}.internal_domains, so that the relay says so "
        "at once (Get-AcceptedDomain names them); " + _OTHER_WAY,
        source=_HVE + "; the wording of the refusal is not proved",
    ),
)
