"""How the relay proves to Entra that it is the app: a client secret, a certificate, or a token Entra trusts.

Parts of `relay.config.settings`, which is where others import them from.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003  (pydantic needs it at run time)
from pathlib import Path  # noqa: TC003  (pydantic needs it at run time)

from pydantic import Field, model_validator

from relay.config.secret import SecretRef  # noqa: TC001  (pydantic needs it at run time)
from relay.config.section import Section, Text


class AppCertificate(Section):
    """A certificate uploaded to the app registration, with its private key: a PFX file, or two PEM texts."""

    pfx: Path | None = Field(
        default=None,
        description="PFX (PKCS #12) file with certificate and private key.",
        examples=["/etc/relay/contoso.pfx"],
    )
    certificate: SecretRef | None = Field(
        default=None, description="The certificate, PEM.", examples=[{"file": "/etc/relay/contoso.crt"}]
    )
    private_key: SecretRef | None = Field(
        default=None, description="Its private key, PEM.", examples=[{"credential": "contoso-key"}]
    )
    passphrase: SecretRef | None = Field(
        default=None, description="Passphrase of the PFX file or of the key.", examples=[{"env": "CONTOSO_PASSPHRASE"}]
    )
    send_chain: bool = Field(
        default=False, description="Send the certificate along (x5c), for apps that trust a subject and issuer."
    )

    @model_validator(mode="after")
    def _one_form(self) -> AppCertificate:
        pem = (self.certificate is not None, self.private_key is not None)
        if (self.pfx is not None) == any(pem) or (any(pem) and not all(pem)):
            raise ValueError("a certificate is either pfx, or certificate and private_key")
        return self


class Federated(Section):
    """A token of somebody else, which the app registration's federated credential names (no secret at all)."""

    token_file: Path | None = Field(
        default=None,
        description="File with the token, read anew each time (Kubernetes, other workload identities).",
        examples=["/var/run/secrets/azure/tokens/azure-identity-token"],
    )
    managed_identity: str = Field(
        default="",
        description="On Azure: system, or the client id of a user-assigned managed identity.",
        examples=["system"],
    )
    audience: Text = Field(
        default="api://AzureADTokenExchange", description="Audience asked for at the managed identity's endpoint."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Federated:
        if (self.token_file is None) == (not self.managed_identity):
            raise ValueError("a federated credential is either token_file or managed_identity")
        return self


class Credential(Section):
    """How the relay proves to Entra that it is the app: exactly one of secret, certificate and federated."""

    secret: SecretRef | None = Field(
        default=None,
        description="The client secret of the app registration (the value, not its id).",
        examples=[{"env": "CONTOSO_SECRET"}],
    )
    certificate: AppCertificate | None = Field(
        default=None,
        description="A certificate uploaded to the app registration.",
        examples=[{"pfx": "/etc/relay/contoso.pfx", "passphrase": {"env": "CONTOSO_PASSPHRASE"}}],
    )
    federated: Federated | None = Field(
        default=None,
        description="A workload's or managed identity's token.",
        examples=[{"token_file": "/var/run/secrets/azure/tokens/azure-identity-token"}],
    )
    expires: date | None = Field(
        default=None,
        description="Last day of a client secret, as Entra shows it, to be warned before; a certificate's is read.",
        examples=["2027-05-31"],
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Credential:
        if sum(item is not None for item in (self.secret, self.certificate, self.federated)) != 1:
            raise ValueError("a credential is exactly one of secret, certificate and federated")
        return self
