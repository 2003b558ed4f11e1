"""A tenant and a sign-in address in every form that portals and vendors' manuals hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from relay.config.clouds import Cloud
from relay.config.loader import parse
from relay.config.tenant import authority_of, tenant_of

if TYPE_CHECKING:
    from collections.abc import Callable

    One = Callable[[str, str], str]

GUID = "8a6f1c2e-0b7d-4e5f-9a3b-c1d2e3f4a5b6"
LOGIN = "https://login.microsoftonline.com"
OURS = "tenant: contoso.onmicrosoft.com"
WORLD, HIGH, DOD, CHINA = Cloud


@pytest.mark.parametrize(
    ("written", "tenant"),
    [
        (GUID, GUID),
        (GUID.upper(), GUID),
        (f"{{{GUID}}}", GUID),
        (f" {GUID} ", GUID),
        ("Contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
        ("contoso.com.", "contoso.com"),
        (f"{LOGIN}/{GUID}", GUID),
        (f"{LOGIN}/{GUID}/", GUID),
        (f"{LOGIN}/{{{GUID}}}/oauth2/token", GUID),
        (f"{LOGIN}/{GUID}/oauth2/token", GUID),
        (f"{LOGIN}/{GUID}/oauth2/authorize", GUID),
        (f"{LOGIN}/{GUID}/v2.0", GUID),
        (f"{LOGIN}/{GUID}/oauth2/v2.0/token", GUID),
        (f"{LOGIN}/{GUID}/oauth2/v2.0/authorize?client_id=x&prompt=consent", GUID),
        (f"{LOGIN}/{GUID}/oauth2/v2.0/devicecode", GUID),
        (f"{LOGIN}/{GUID}/v2.0/.well-known/openid-configuration", GUID),
        (f"{LOGIN}/{GUID}/.well-known/openid-configuration", GUID),
        (f"{LOGIN}/{GUID}/discovery/v2.0/keys", GUID),
        (f"{LOGIN}/{GUID}/federationmetadata/2007-06/federationmetadata.xml", GUID),
        (f"{LOGIN}/contoso.onmicrosoft.com/oauth2/token", "contoso.onmicrosoft.com"),
        (f"https://login.windows.net/{GUID}/oauth2/authorize", GUID),
        (f"HTTPS://STS.WINDOWS.NET/{GUID.upper()}/", GUID),
        (f"login.microsoftonline.com/{GUID}", GUID),
        (f"{LOGIN}/%7B{GUID}%7D/oauth2/token", GUID),
        ("https://login.windows.net/common/oauth2/authorize", "common"),
    ],
)
def test_a_tenant_is_understood_in_any_form(written: str, tenant: str) -> None:
    """The id in lower case, or the domain; endpoints of v1 and v2, discovery and issuer fall away."""
    assert tenant_of(written, WORLD) == tenant


@pytest.mark.parametrize(
    ("written", "cloud"),
    [
        (f"https://login.microsoftonline.us/{GUID}/oauth2/v2.0/token", HIGH),
        (f"https://login.microsoftonline.us/{GUID}", DOD),
        (f"https://login-us.microsoftonline.com/{GUID}", HIGH),
        (f"https://login.partner.microsoftonline.cn/{GUID}/oauth2/token", CHINA),
        (f"https://login.chinacloudapi.cn/{GUID}/oauth2/token", CHINA),
    ],
)
def test_a_sovereign_address_is_understood_in_its_cloud(written: str, cloud: Cloud) -> None:
    """Where it belongs to the cloud, that is."""
    assert tenant_of(written, cloud) == GUID
    with pytest.raises(ValueError, match=f"belongs to another cloud than cloud: worldwide; write .*cloud: {cloud}"):
        tenant_of(written, WORLD)


def test_the_domain_of_a_sovereign_tenant_gives_its_cloud_away() -> None:
    """`onmicrosoft.us` exists in the clouds of the US government alone."""
    assert tenant_of("contoso.onmicrosoft.us", DOD) == "contoso.onmicrosoft.us"
    with pytest.raises(ValueError, match="write cloud: us-gov-gcc-high or cloud: us-gov-dod"):
        tenant_of("contoso.onmicrosoft.us", WORLD)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a b", "neither a tenant's id"),
        ("8a6f1c2e-0b7d-4e5f-9a3b", "neither a tenant's id, which is a whole GUID, nor a domain (AADSTS900023)"),
        ("contoso", "did you mean 'contoso.onmicrosoft.com'?"),
        ("#TenantID#", "placeholder"),
        ("${TENANT_ID}", "placeholder"),
        ("{tenant}", "placeholder"),
        ("<your-tenant-id>", "placeholder"),
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "placeholder"),
        ("admin@contoso.com", "its domain would be a tenant: contoso.com"),
        (LOGIN, "names no tenant"),
        (f"{LOGIN}/#TenantID#/oauth2/v2.0/token", "names no tenant"),
        ("https://adfs.contoso.com/adfs/oauth2", "adfs.contoso.com, which is no Microsoft sign-in host"),
        ("http://login.microsoftonline.com/contoso.com", "no https address"),
    ],
)
def test_what_names_no_tenant_is_refused_with_the_reason(complaint_of: One, written: str, words: str) -> None:
    """With file, line and column."""
    line = complaint_of(OURS, f'tenant: "{written}"')
    assert line.startswith("relay.yaml:4:21: apps.contoso.tenant: ")
    assert words in line


@pytest.mark.parametrize(
    "written",
    [
        LOGIN,
        f"{LOGIN}/",
        f"{LOGIN}/{GUID}/oauth2/v2.0/token",
        f"{LOGIN}/#TenantID#/oauth2/v2.0/token",
        f"{LOGIN}/{{tenant}}/oauth2/v2.0/authorize",
        f"{LOGIN}/{{TenantId}}",
        f"{LOGIN}/${{TENANT}}/v2.0",
        f"{LOGIN}/<tenant-id>/oauth2/token",
        f"{LOGIN}/%TENANT%/oauth2/token",
        "https://login.windows.net/common/oauth2/authorize",
        f"{LOGIN}/organizations",
        f"https://sts.windows.net/{GUID}/",
    ],
)
def test_an_authority_is_host_and_tenant(written: str) -> None:
    """The tenant takes the place of a placeholder and of `common`, and the endpoint falls away."""
    assert authority_of(written, WORLD, GUID) == f"{LOGIN}/{GUID}"


@pytest.mark.parametrize(
    ("written", "authority"),
    [
        ("https://localhost:8443", f"https://localhost:8443/{GUID}"),
        ("https://localhost:8443/realm", "https://localhost:8443/realm"),
        ("https://localhost:8443/Realm/a/oauth2/v2.0/token", "https://localhost:8443/Realm/a"),
        ("https://localhost:8443/#TenantID#/oauth2/token", f"https://localhost:8443/{GUID}"),
    ],
)
def test_an_authority_of_ones_own_keeps_its_path(written: str, authority: str) -> None:
    """What is no Microsoft host may name its tenants as it likes."""
    assert authority_of(written, WORLD, GUID) == authority


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("https://login.microsoftonline.us/contoso.com", "write cloud: us-gov-gcc-high or cloud: us-gov-dod"),
        ("https://login.microsoftonline.de/contoso.com", "Microsoft Cloud Germany, which was closed"),
        ("http://login.microsoftonline.com", "no https address"),
        ("https://login.contoso.com/x y", "has a space in it"),
        ("contoso.com", "is no https address of a sign-in host"),
    ],
)
def test_a_wrong_authority_is_refused_with_the_reason(complaint_of: One, written: str, words: str) -> None:
    """With file, line and column."""
    line = complaint_of(OURS, f'{OURS}, authority: "{written}"')
    assert line.startswith("relay.yaml:4:57: apps.contoso.authority: ")
    assert words in line


def test_an_authority_of_another_tenant_is_refused(complaint_of: One) -> None:
    """Two ids that differ are two tenants; an id and a domain may be the same."""
    other = GUID.replace("8", "9")
    line = complaint_of(OURS, f"tenant: {GUID}, authority: {LOGIN}/{other}/oauth2/token")
    assert f"is of another tenant than tenant: {GUID}" in line


@pytest.mark.parametrize(
    ("word", "profile", "reason"),
    [
        ("common", "", "Entra refuses client credentials there (AADSTS9001023"),
        ("https://login.windows.net/common/oauth2/authorize", "", "common stands for any tenant"),
        ("organizations", "sign_in: delegated, ", "multitenant apps only (AADSTS50194)"),
        ("consumers", "", "consumers stands for personal accounts"),
    ],
)
def test_anybody_is_no_tenant(good: str, complaints: Callable[[str], list[object]], word: str, profile: str,
                              reason: str) -> None:  # fmt: skip
    """An app alone cannot say which tenant it means; a person could be of any."""
    text = good.replace(OURS, f"tenant: {word}").replace("{app: contoso, ", "{app: contoso, " + profile)
    text += "token_store: {key: {env: TOKEN_KEY}}\n"
    (line,) = map(str, complaints(text))
    assert line.startswith("relay.yaml:4:21: apps.contoso.tenant: ")
    assert reason in line
    assert "write the tenant's id" in line


def test_a_client_id_is_freed_of_its_wrapping(good: str) -> None:
    """Braces, and the `api://` of an application id URI."""
    own = "client_id: 11111111-2222-3333-4444-555555555555"
    for written in (f'"{{{GUID.upper()}}}"', f"api://{GUID}"):
        assert parse(good.replace(own, f"client_id: {written}")).apps["contoso"].client_id == GUID
