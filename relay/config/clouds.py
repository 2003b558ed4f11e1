"""The Microsoft clouds: where each signs in and takes mail.

Worldwide (with GCC), 21Vianet: learn.microsoft.com, "Authenticate an IMAP, POP or SMTP connection using OAuth" and
"Microsoft 365 endpoints"; the sovereign scopes follow the same pattern and are not published in one place (the DoD's
delegated scope and China's PowerShell environment are not proved at all), which is why each of them can be overridden
in the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cloud(StrEnum):
    """Which Microsoft cloud a tenant lives in; its app registration must live in the same one."""

    WORLDWIDE = "worldwide"
    US_GOV_GCC_HIGH = "us-gov-gcc-high"
    US_GOV_DOD = "us-gov-dod"
    CHINA = "china"


@dataclass(frozen=True, slots=True)
class CloudHosts:
    """The names of one cloud: `login` is Entra's host, `scope` the app-only scope for Exchange, `delegated_scope` what
    a person consents to, `smtp` the submission host (587), `graph` Microsoft Graph's host, `powershell` the value of
    `Connect-ExchangeOnline -ExchangeEnvironmentName` (empty: none needed).
    """

    login: str
    scope: str
    delegated_scope: str
    smtp: str
    graph: str
    powershell: str = ""


HVE_HOST = "smtp.hve.mx.microsoft"
"""High Volume Email; smtp-hve.office365.com will be deprecated (learn.microsoft.com, high-volume-mails-m365)."""

HOSTS: dict[Cloud, CloudHosts] = {
    Cloud.WORLDWIDE: CloudHosts(
        login="login.microsoftonline.com",
        scope="https://outlook.office365.com/.default",
        delegated_scope="https://outlook.office.com/SMTP.Send",
        smtp="smtp.office365.com",
        graph="graph.microsoft.com",
    ),
    Cloud.US_GOV_GCC_HIGH: CloudHosts(
        login="login.microsoftonline.us",
        scope="https://outlook.office365.us/.default",
        delegated_scope="https://outlook.office365.us/SMTP.Send",
        smtp="smtp.office365.us",
        graph="graph.microsoft.us",
        powershell="O365USGovGCCHigh",
    ),
    Cloud.US_GOV_DOD: CloudHosts(
        login="login.microsoftonline.us",
        scope="https://outlook-dod.office365.us/.default",
        delegated_scope="https://outlook-dod.office365.us/SMTP.Send",
        smtp="outlook-dod.office365.us",
        graph="dod-graph.microsoft.us",
        powershell="O365USGovDoD",
    ),
    Cloud.CHINA: CloudHosts(
        login="login.partner.microsoftonline.cn",
        scope="https://partner.outlook.cn/.default",
        delegated_scope="https://partner.outlook.cn/SMTP.Send",
        smtp="smtp.partner.outlook.cn",
        graph="microsoftgraph.chinacloudapi.cn",
        powershell="O365China",
    ),
}
