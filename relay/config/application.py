"""An app registration in Entra ID, as whom the relay asks for tokens.

Part of `relay.config.settings`, which is where others import it from.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003  (pydantic needs it at run time)

from pydantic import Field, ValidationInfo, field_validator

from relay.config import scopes
from relay.config.clouds import HOSTS, Cloud
from relay.config.credential import Credential  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Seconds, Section, Text
from relay.config.tenant import authority_of, tenant_of, unbraced


class Resource(StrEnum):
    """The Microsoft service a token is for."""

    OUTLOOK = "outlook"
    GRAPH = "graph"


class App(Section):
    """An app registration in Entra ID; it needs the right to send as the mailboxes of its profiles."""

    cloud: Cloud = Field(
        default=Cloud.WORLDWIDE,
        description="The Microsoft cloud of the tenant: worldwide (GCC too), us-gov-gcc-high, us-gov-dod or china.",
    )
    tenant: Text = Field(
        description="The tenant: its id (a GUID) or one of its domains; or an address with one of them in its path, "
        "such as the endpoints that Entra shows. relay check says what was understood.",
        examples=["contoso.onmicrosoft.com"],
    )
    client_id: Text = Field(
        description="The application (client) id of the app registration.",
        examples=["11111111-2222-3333-4444-555555555555"],
    )
    credential: Credential | None = Field(
        default=None,
        description="How the relay proves that it is the app: {secret: …, expires: 2027-05-31}; or {certificate: {pfx: "
        "/file, passphrase: …, send_chain: false}}, {certificate: {certificate: …, private_key: …}}; or {federated: "
        "{token_file: /file}}, {federated: {managed_identity: system, audience: …}}. Only a public client, whose "
        "profiles all have a person sign in, has none.",
        examples=[{"secret": {"env": "CONTOSO_SECRET"}}],
    )
    next_credential: Credential | None = Field(
        default=None,
        description="A second credential, tried when Entra refuses the first one, so that a rotation has no gap.",
        examples=[{"secret": {"env": "CONTOSO_NEXT_SECRET"}, "expires": "2028-05-31"}],
    )
    redirect_uri: str = Field(
        default="http://localhost",
        pattern=r"^https?://\S+$",
        description="Where the browser returns to after a person's sign-in, exactly as registered (relay authorize).",
        examples=["http://localhost"],
    )
    authority: str = Field(
        default="",
        description="Overrides the sign-in address of the cloud; the tenant is added where it has no path, and put in "
        "the place of #TenantID#, {tenant} and common. Token and authorize endpoints are understood.",
        examples=["https://login.microsoftonline.com"],
    )
    scope: str = Field(
        default="",
        description="Overrides the scope that follows from the cloud; written with %20 it is understood.",
        examples=["https://outlook.office365.com/.default"],
    )
    graph_scope: str = Field(
        default="",
        description="Overrides the scope for profiles that send through Microsoft Graph.",
        examples=["https://graph.microsoft.com/.default"],
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for sign-in, instead of the system's.",
        examples=["/etc/relay/proxy-ca.pem"],
    )
    token_grace_s: Seconds = Field(
        default=300,
        description="Seconds before its end at which a token is renewed; profiles of transport hve take at least 720.",
        examples=[300],
    )

    @field_validator("tenant")
    @classmethod
    def _tenant_in_any_form(cls, written: str, info: ValidationInfo) -> str:
        return tenant_of(written, _cloud(info))

    @field_validator("client_id")
    @classmethod
    def _client_without_wrapping(cls, written: str) -> str:
        return unbraced(written.removeprefix("api://"))

    @field_validator("authority")
    @classmethod
    def _authority_without_endpoint(cls, written: str, info: ValidationInfo) -> str:
        # a tenant that is wrong has been complained about; the authority is judged all the same
        return authority_of(written, _cloud(info), info.data.get("tenant", ""))

    @field_validator("scope")
    @classmethod
    def _scope_that_sends(cls, written: str, info: ValidationInfo) -> str:
        return scopes.outlook_scope(written, _cloud(info))

    @field_validator("graph_scope")
    @classmethod
    def _graph_scope_that_sends(cls, written: str, info: ValidationInfo) -> str:
        return scopes.graph_scope(written, _cloud(info))

    @property
    def authority_url(self) -> str:
        """The authority as MSAL takes it: sign-in host and tenant, no trailing slash."""
        return self.authority or f"https://{HOSTS[self.cloud].login}/{self.tenant}"

    @property
    def scope_text(self) -> str:
        """The app-only scope for Exchange."""
        return self.scope_for(Resource.OUTLOOK, delegated=False)

    def scope_for(self, resource: Resource, *, delegated: bool, as_others: bool = False) -> str:
        """The scope to ask for, two with a space between: what is configured, else what follows from the cloud.

        `as_others`: a person sends by Graph in the name of other mailboxes too, which is a permission of its own.
        """
        hosts = HOSTS[self.cloud]
        if resource is Resource.GRAPH:
            of_person = ("Mail.Send", *(("Mail.Send.Shared",) if as_others else ()))
            permissions = of_person if delegated else (".default",)
            return self.graph_scope or " ".join(f"https://{hosts.graph}/{name}" for name in permissions)
        return self.scope or (hosts.delegated_scope if delegated else hosts.scope)


def _cloud(info: ValidationInfo) -> Cloud:
    """The cloud as written; a wrong word for one has been complained about already."""
    cloud = info.data.get("cloud", Cloud.WORLDWIDE)
    assert isinstance(cloud, Cloud)
    return cloud
