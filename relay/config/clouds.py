"""The Microsoft clouds: where each signs in and takes mail.

Worldwide (with GCC), 21Vianet: learn.microsoft.com, "Authenticate an IMAP, POP or SMTP connection using OAuth" and
"Microsoft 365 endpoints"; the sovereign scopes follow the same pattern and are not published in one place, which is why
each of them can be overridden in the settings.
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
    """The names of one cloud: `login` is Entra's host, `scope` the app-only scope, `smtp` the submission host (587)."""

    login: str
    scope: str
    smtp: str


HOSTS: dict[Cloud, CloudHosts] = {
    Cloud.WORLDWIDE: CloudHosts(
        login="login.microsoftonline.com",
        scope="https://outlook.office365.com/.default",
        smtp="smtp.office365.com",
    ),
    Cloud.US_GOV_GCC_HIGH: CloudHosts(
        login="login.microsoftonline.us",
        scope="https://outlook.office365.us/.default",
        smtp="smtp.office365.us",
    ),
    Cloud.US_GOV_DOD: CloudHosts(
        login="login.microsoftonline.us",
        scope="https://outlook-dod.office365.us/.default",
        smtp="outlook-dod.office365.us",
    ),
    Cloud.CHINA: CloudHosts(
        login="login.partner.microsoftonline.cn",
        scope="https://partner.outlook.cn/.default",
        smtp="smtp.partner.outlook.cn",
    ),
}
