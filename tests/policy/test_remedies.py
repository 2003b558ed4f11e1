"""What an administrator pastes out of a remedy is PowerShell as Microsoft documents it."""

from __future__ import annotations

import re

import pytest

from relay.policy.verdict import verdict
from relay.policy.verdict_page import CHAPTERS
from tests.policy.cases import FACTS

ROWS = [row for _, rows in CHAPTERS for row in rows]
CMDLETS = {
    "Add-HVEAppAccess": {"Identity", "AppIds"},
    "Add-MailboxPermission": {"User", "AccessRights"},
    "Add-RecipientPermission": {"Trustee", "AccessRights", "Confirm"},
    "Get-AcceptedDomain": set(),
    "Get-InboundConnector": set(),
    "Get-Mailbox": set(),
    "Get-MailboxPermission": set(),
    "Get-MgDomainFederationConfiguration": set(),
    "Get-MgServicePrincipal": {"Filter"},
    "Get-ServicePrincipal": set(),
    "New-ManagementRoleAssignment": {"Role", "App", "CustomResourceScope"},
    "New-ServicePrincipal": {"AppId", "ObjectId", "DisplayName"},
    "Set-CASMailbox": {"SmtpClientAuthenticationDisabled"},
    "Set-DistributionGroup": {"AcceptMessagesOnlyFromSendersOrMembers"},
    "Set-Mailbox": {
        "MaxSendSize", "MaxReceiveSize", "MessageCopyForSMTPClientSubmissionEnabled", "RetentionPolicy",
    },
    "Test-ServicePrincipalAuthorization": {"Identity", "Resource"},
    "Update-MgDomainFederationConfiguration": set(),
}  # fmt: skip
_WORD = re.compile(r"\b((?:Add|Get|New|Set|Test|Update|Remove|Enable|Disable)-[A-Z]\w+)|\s-([A-Z]\w+)")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_cmdlets_and_their_parameters_exist(row) -> None:  # type: ignore[no-untyped-def]
    """Each cmdlet of the remedy, with the parameters behind it (Microsoft's reference of August 2026)."""
    cmdlet = ""
    for name, parameter in _WORD.findall(verdict(row, FACTS).remedy):
        cmdlet = name or cmdlet
        assert cmdlet in CMDLETS
        assert not parameter or parameter in CMDLETS[cmdlet], (cmdlet, parameter)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_quotes_and_brackets_are_closed(row) -> None:  # type: ignore[no-untyped-def]
    """Also with a mailbox whose address has to be quoted."""
    remedy = verdict(row, FACTS).remedy

    assert remedy.count("(") == remedy.count(")")
    assert remedy.count('"') % 2 == 0
    assert remedy == remedy.strip()


def test_every_cmdlet_listed_here_is_used() -> None:
    """The list stays as short as the table."""
    text = " ".join(row.remedy for row in ROWS)

    assert {name for name in CMDLETS if name not in text} == set()
