# Microsoft 365 for profile scans of the relay. Written by: relay setup m365 scans
#
# Read it, then run it in PowerShell 7 or Windows PowerShell 5.1 as an administrator of Exchange (and of Entra, who may
# read applications). It may be run again at any time: what is there already stays as it is.
# - smtp: a person signs in (relay authorize): what the person may send as, the relay may
#
# What has to be clicked first (the app registration and its credential): relay setup m365 scans --portal
# Afterwards: relay doctor scans

$ErrorActionPreference = 'Stop'
$tenant = 'contoso.onmicrosoft.com'
$appId  = '11111111-2222-3333-4444-555555555555'

foreach ($module in 'ExchangeOnlineManagement') {
    if (-not (Get-Module -ListAvailable -Name $module)) { Install-Module -Name $module -Scope CurrentUser }
}
Connect-ExchangeOnline -Organization $tenant -ShowBanner:$false

# ---- smtp: a person signs in (relay authorize): what the person may send as, the relay may

$account   = 'ann@contoso.onmicrosoft.com'
$mailboxes = @('ann@contoso.com')
$sendAs    = @()

# SMTP AUTH for these mailboxes; it may stay off for the organization, a mailbox's own switch comes first.
# Copies of what was sent fill Sent Items, and a full mailbox sends nothing more (554 5.2.2): they are switched off. Who
# wants them removes that line, and empties the folder by a retention policy.
foreach ($mailbox in $mailboxes) {
    Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $false
    Set-Mailbox -Identity $mailbox -MessageCopyForSMTPClientSubmissionEnabled $false
}

# ---- what holds now

# The switches: False is on, True is off, empty is as the organization (the last line).
foreach ($mailbox in $mailboxes) {
    Get-CASMailbox -Identity $mailbox | Format-List 'PrimarySmtpAddress', 'SmtpClientAuthenticationDisabled'
    Get-Mailbox -Identity $mailbox | Format-List 'PrimarySmtpAddress', 'MaxSendSize', 'MessageCopyForSMTPClientSubmissionEnabled'
}
Get-TransportConfig | Format-List 'SmtpClientAuthenticationDisabled'

# To take this back, run the lines between the marks in the session in which the script ran. The other profiles of the app
# that leave the same way lose it too:
<#
$account   = 'ann@contoso.onmicrosoft.com'
$mailboxes = @('ann@contoso.com')
$sendAs    = @()
foreach ($mailbox in $mailboxes) {
    Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $null
    Set-Mailbox -Identity $mailbox -MessageCopyForSMTPClientSubmissionEnabled $true
}
#>
