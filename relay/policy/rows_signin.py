"""Verdict rows for Exchange Online's answers to a connection and a sign-in: none of them ever fails mail.

Exchange puts very different causes under one code (535 5.7.139), so rows are told apart by their sentence.
"""

from __future__ import annotations

from relay.message.outcome import Scope
from relay.policy.verdict import Class, ReplyRow

_PRINTERS = "Microsoft SupportArticles, printers, scanners and LOB applications"
_NDR = "Microsoft SupportArticles, non-delivery reports in Exchange Online"
_SIGN_IN_LOG = "Entra admin center → Sign-in logs → the failed sign-in of {account} → Conditional Access tab"
_ENABLE = "Set-CASMailbox {mailbox} -SmtpClientAuthenticationDisabled $false"
_PASSWORD = (
    "This relay signs in with XOAUTH2, never with a password: check that endpoint.host of profile {profile} is "
    "Exchange Online itself and not another relay, then run: relay check"
)

SIGN_IN = (
    ReplyRow(
        rule="smtp.tls-too-old",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"TLS 1\.0 and 1\.1 are not supported",
        enhanced=("4.7.66", "5.7.67"),
        answer="421 4.7.66 TLS 1.0 and 1.1 are not supported",
        meaning="The connection used a TLS version older than 1.2.",
        remedy="Run the relay with Python and OpenSSL that speak TLS 1.2 or newer (python -c 'import ssl; "
        "print(ssl.OPENSSL_VERSION)'), and look for a middlebox that lowers TLS on the way to {host}:{port}",
        source="Microsoft, opt in to the legacy TLS endpoint for SMTP AUTH; wording from field reports",
    ),
    ReplyRow(
        rule="smtp.auth-disabled-tenant",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        says="SmtpClientAuthentication is disabled for the Tenant",
        answer="535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
        meaning="SMTP AUTH is switched off for the organization, and the mailbox inherits that.",
        remedy=_ENABLE + "   (the mailbox's value beats the organization's)",
        source="Microsoft, Set-CASMailbox; wording measured in the field, September 2026",
    ),
    ReplyRow(
        rule="smtp.auth-disabled-mailbox",
        cls=Class.CONFIGURATION,
        scope=Scope.MAILBOX,
        says="SmtpClientAuthentication is disabled for the Mailbox",
        answer="535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
        meaning="The token is good, but SMTP AUTH is switched off for this mailbox.",
        remedy=_ENABLE,
        source="Microsoft, Set-CASMailbox; wording measured in the field, September 2026",
    ),
    ReplyRow(
        rule="smtp.security-defaults",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="security defaults policy",
        answer="535 5.7.139 …, user is locked by your organization's security defaults policy.",
        meaning="Security defaults of the tenant block this sign-in.",
        remedy="Sign in app-only (apps.{app}.credential), or replace security defaults: Entra admin center → Overview "
        "→ Properties → Manage security defaults → Disabled, with Conditional Access policies in their place",
        source="Microsoft, set up a multifunction device or application; wording from field reports",
    ),
    ReplyRow(
        rule="smtp.conditional-access",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="did not meet the criteria to be authenticated successfully",
        answer="535 5.7.139 …, the request did not meet the criteria to be authenticated successfully. "
        "Contact your administrator.",
        meaning="A Conditional Access or sign-in policy refused the sign-in; often its location condition.",
        remedy=_SIGN_IN_LOG + "; exclude the account from the policy it names, or add this relay's public address as a "
        "named location",
        source="field report (accepted from the office, refused from a data centre)",
    ),
    ReplyRow(
        rule="smtp.basic-disabled",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="basic authentication is disabled",
        answer="535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
        meaning="A password was used where only OAuth is taken.",
        remedy=_PASSWORD,
        source="field reports of the wording",
    ),
    ReplyRow(
        rule="smtp.basic-retired",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="Basic authentication is not supported for Client Submission",
        enhanced=("5.7.30",),
        answer="550 5.7.30 Basic authentication is not supported for Client Submission.",
        meaning="Basic authentication is retired for SMTP AUTH, and a password was used.",
        remedy=_PASSWORD,
        source="Microsoft Exchange team blog, basic authentication deprecation timeline; MC786329",
    ),
    ReplyRow(
        rule="smtp.password-wrong",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="user credentials were incorrect",
        answer="535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
        meaning="A user name and password were checked and did not match.",
        remedy=_PASSWORD,
        source="inferred: widely seen, not captured",
    ),
    ReplyRow(
        rule="smtp.sts-unreachable",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        says="federated STS service was unreachable",
        answer="535 5.7.139 …, federated STS service was unreachable.",
        meaning="The federation server (AD FS) of the tenant did not answer Microsoft.",
        remedy="Bring the AD FS service of {tenant} back and make it reachable from the internet",
        source=_PRINTERS,
    ),
    ReplyRow(
        rule="smtp.sts-not-https",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="federated STS URL does not support HTTPS",
        answer="535 5.7.139 …, the federated STS URL does not support HTTPS.",
        meaning="The federation server (AD FS) of the tenant is registered without HTTPS.",
        remedy="Give the federation service of {tenant} an https address and register it: Get-MgDomainFederation"
        "Configuration, then Update-MgDomainFederationConfiguration",
        source=_PRINTERS,
    ),
    ReplyRow(
        rule="smtp.token-ends-soon",
        cls=Class.TRANSIENT,
        scope=Scope.PROFILE,
        says="Token will expire soon",
        enhanced=("5.5.127",),
        answer="501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon",
        meaning="The endpoint (High Volume Email) wants a token that lives ten minutes longer.",
        remedy="The next try asks Entra for a new token; if this comes back, set apps.{app}.token_grace_s: 720",
        source="field report, tarickb/sasl-xoauth2#98",
    ),
    ReplyRow(
        rule="smtp.mechanism-unknown",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says="Unrecognized authentication type",
        enhanced=("5.7.4",),
        codes=(504,),
        stages=("auth",),
        answer="504 5.7.4 Unrecognized authentication type",
        meaning="The server does not take XOAUTH2, or not before STARTTLS.",
        remedy="Check endpoint.host of profile {profile}: after STARTTLS the EHLO answer must list AUTH … XOAUTH2 "
        "(openssl s_client -starttls smtp -connect {host}:{port})",
        source="inferred; RFC 4954 §4",
    ),
    ReplyRow(
        rule="smtp.identity-refused",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"^535 5\.7\.3 |^535 .*Authentication unsuccessful\W*$",
        codes=(535,),
        answer="535 5.7.3 Authentication unsuccessful [host time id]",
        meaning="The token is not accepted for this mailbox: service principal not registered in Exchange or with the "
        "wrong object id, no permission or out of the RBAC scope, wrong tenant, or a token for another audience.",
        remedy="1. $sp = Get-ServicePrincipal | Where-Object AppId -eq {client_id}; $sp | Format-List AppId,ObjectId   "
        "(ObjectId must be the one under Entra → Enterprise applications, not App registrations; missing: "
        'New-ServicePrincipal -AppId {client_id} -DisplayName "SMTP relay" -ObjectId (Get-MgServicePrincipal '
        "-Filter \"appId eq '{client_id}'\").Id)  2. Test-ServicePrincipalAuthorization -Identity $sp.ObjectId "
        "-Resource {mailbox} | Format-Table   (InScope must be True); without RBAC: Add-MailboxPermission {mailbox} "
        "-User $sp.ObjectId -AccessRights FullAccess; High Volume Email: Add-HVEAppAccess -Identity {mailbox} -AppIds "
        "$sp.ObjectId  3. allow up to two hours to take effect. Delegated sign-in: mailbox must be the account that "
        "signs in ({account}), never a shared one. Whole script: relay setup m365 {profile}",
        source="Microsoft, authenticate an IMAP, POP or SMTP connection using OAuth; field reports",
    ),
    ReplyRow(
        rule="smtp.not-authenticated",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        says=r"Client not authenticated to send mail|Client was not authenticated",
        enhanced=("5.7.57",),
        codes=(530,),
        answer="530 5.7.57 Client not authenticated to send mail",
        meaning="The server takes no mail from this session: signing in was skipped or failed before.",
        remedy="Check endpoint.host of profile {profile} (it must be the client submission host, {smtp_host}), "
        "then: " + _ENABLE,
        source=_NDR,
    ),
    ReplyRow(
        rule="smtp.sign-in-blocked",
        cls=Class.CONFIGURATION,
        scope=Scope.PROFILE,
        enhanced=("5.7.139",),
        answer="535 5.7.139 Authentication unsuccessful, (another sentence)",
        meaning="The sign-in was refused for the reason that the answer gives, which this relay does not know.",
        remedy=_SIGN_IN_LOG,
        source=_NDR + ", 5.7.139",
    ),
    ReplyRow(
        rule="smtp.logon-failed",
        cls=Class.TRANSIENT,
        scope=Scope.MAILBOX,
        says=r"MapiExceptionLogonFailed|mailbox logon failure",
        answer="430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:"
        "ConnectionFailedTransientException.MapiExceptionLogonFailed",
        meaning="The sign-in worked, but the permission on the mailbox is not effective yet.",
        remedy="Usually clears within two hours of granting. If not: Get-MailboxPermission {mailbox} must list the "
        "service principal of {client_id} with FullAccess; with RBAC: $sp = Get-ServicePrincipal | Where-Object AppId "
        "-eq {client_id}; Test-ServicePrincipalAuthorization -Identity $sp.ObjectId -Resource {mailbox}   must say "
        "InScope True",
        source="field reports, email-oauth2-proxy#271 and an app-only field guide",
        wait_s=300,
        patience_s=7200,
    ),
)
