# Microsoft 365 for profile scans of the relay. Written by: relay setup m365 scans
#
# Read it, then run it in PowerShell 7 or Windows PowerShell 5.1 as an administrator of Exchange (and of Entra, who may
# read applications). It may be run again at any time: what is there already stays as it is.
# - connector: an inbound connector that knows the relay's certificate
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

# ---- connector: an inbound connector that knows the relay's certificate

$connector       = 'relay contoso'
$certificateName = 'relay.contoso.com'

# Exchange knows the relay by its certificate. The name in it must be of an accepted domain of the tenant, and the
# certificate must be one that Exchange trusts (a public authority).
if (-not (Get-AcceptedDomain | Where-Object { $certificateName -eq $_.DomainName -or $certificateName -like "*.$($_.DomainName)" })) {
    throw "$certificateName belongs to no accepted domain of the tenant"
}
if (-not (Get-InboundConnector -Identity $connector -ErrorAction SilentlyContinue)) {
    New-InboundConnector -Name $connector -ConnectorType OnPremises -SenderDomains '*' -RequireTls $true `
        -TlsSenderCertificateName $certificateName -Enabled $true
}

# ---- what holds now

Get-InboundConnector -Identity $connector | Format-List 'Name', 'Enabled', 'RequireTls', 'TlsSenderCertificateName'

# To take this back, run the lines between the marks in the session in which the script ran. The other profiles of the app
# that leave the same way lose it too:
<#
$connector       = 'relay contoso'
$certificateName = 'relay.contoso.com'
Remove-InboundConnector -Identity $connector -Confirm:$false
#>
