"""The options of the HTTP listener: probes, metrics, the dashboard and its API, and who may sign in there.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field, field_validator

from relay.config.section import Name, Section, Text
from relay.config.trusting import Trusting

LISTEN = "127.0.0.1:8925"
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[^/\s?#:@\[\]]+)(:\d{1,5})?")
_PEOPLE = "; * stands for any characters."


class Role(StrEnum):
    """What somebody may do: a viewer looks, an operator also gives orders and reads mail."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class EntraSignIn(Section):
    """People of the tenant sign in with their own account. Its app needs the redirect URI public_url/sign-in/entra."""

    app: Name = Field(description="The app (under apps) that signs people in; its credential is used.")
    operators: tuple[Text, ...] = Field(
        default=(), description=f"User names who are operators{_PEOPLE}", examples=[["admin@contoso.com"]]
    )
    viewers: tuple[Text, ...] = Field(
        default=(), description=f"User names who are viewers{_PEOPLE}", examples=[["*@contoso.com"]]
    )


class ProxySignIn(Trusting):
    """A reverse proxy signs people in and names them in a header."""

    header: str = Field(
        default="X-Forwarded-User", pattern=r"^[A-Za-z][A-Za-z0-9-]*$", description="The header that names the user."
    )
    trusted: tuple[Text, ...] = Field(
        min_length=1,
        description="Addresses or networks of the proxy; from anybody else the header is ignored.",
        examples=[["10.0.0.7"]],
    )
    operators: tuple[Text, ...] = Field(
        default=(), description=f"User names who are operators{_PEOPLE}", examples=[["admin@contoso.com"]]
    )
    viewers: tuple[Text, ...] = Field(default=(), description=f"User names who are viewers{_PEOPLE}", examples=[["*"]])

    @property
    def everybody(self) -> bool:
        """Whether no address at all is left out."""
        return any(network.prefixlen == 0 for network in self.networks)


class Http(Section):
    """The HTTP listener. Probes and metrics hold no secrets and need no sign-in; everything else does."""

    listen: str = Field(
        default=LISTEN,
        pattern=r"^$|^(\[[0-9A-Fa-f:.]+\]|[^\s:]+):\d{1,5}$",
        description='Address and port of the dashboard, /healthz, /readyz, /status and /metrics; "": none.',
        examples=["0.0.0.0:8925"],
    )
    dashboard: bool = Field(default=True, description="Whether there are dashboard and API, beside the probes.")
    tls: bool = Field(default=False, description="Speak https there, with the relay's own certificate (tls).")
    public_url: str = Field(
        default="",
        description="The address people open, where it is not that of listen: behind a reverse proxy, or with entra. "
        "Without a path: the proxy gives the relay a name or a port of its own.",
        examples=["https://relay.contoso.com"],
    )
    session_s: int = Field(
        default=28_800, ge=60, le=2_592_000, description="Seconds after which somebody must sign in again."
    )
    entra: EntraSignIn | None = Field(
        default=None,
        description="Sign-in with Microsoft Entra ID.",
        examples=[{"app": "contoso", "operators": ["admin@contoso.com"], "viewers": ["*@contoso.com"]}],
    )
    proxy: ProxySignIn | None = Field(
        default=None,
        description="Sign-in by a reverse proxy.",
        examples=[
            {
                "header": "X-Forwarded-User",
                "trusted": ["10.0.0.7"],
                "operators": ["admin@contoso.com"],
                "viewers": ["*@contoso.com"],
            }
        ],
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, written: str) -> str:
        url = written.rstrip("/").lower()
        if url and not _ORIGIN.fullmatch(url):
            raise ValueError("must be https://host or https://host:port, without a path")
        return url
