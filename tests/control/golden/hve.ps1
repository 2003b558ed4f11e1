# Microsoft 365 for profile scans of the relay. Written by: relay setup m365 scans
#
# Read it, then run it in PowerShell 7 or Windows PowerShell 5.1 as an administrator of Exchange (and of Entra, who may
# read applications and consent to permissions). It may be run again at any time: what is there already stays as it is.
# - hve: High Volume Email: the account lets the app in
#
# What has to be clicked first (the app registration and its credential): relay setup m365 scans --portal
# Afterwards: relay doctor scans

$ErrorActionPreference = 'Stop'
$tenant = 'contoso.onmicrosoft.com'
$appId  = '11111111-2222-3333-4444-555555555555'

foreach ($module in 'ExchangeOnlineManagement', 'Microsoft.Graph.Applications') {
    if (-not (Get-Module -ListAvailable -Name $module)) { Install-Module -Name $module -Scope CurrentUser }
}
Connect-MgGraph -TenantId $tenant -Scopes 'Application.Read.All', 'AppRoleAssignment.ReadWrite.All' -NoWelcome
Connect-ExchangeOnline -Organization $tenant -ShowBanner:$false

# ---- hve: High Volume Email: the account lets the app in

$mailboxes     = @('scanner@contoso.com')
$canary        = @('ceo@contoso.com')
$resourceAppId = '00000002-0000-0ff1-ce00-000000000000'
$appRole       = 'Mail.Send'

# The object id. This is the pitfall of the whole affair: Exchange wants the object id of the ENTERPRISE APPLICATION
# (Entra: Enterprise applications -> the app -> Object ID). The page of the app registration shows an Object ID too, and
# it is another one: with it New-ServicePrincipal refuses, or sign-in fails with 535 5.7.3. Looked up, it cannot go wrong:
$enterprise = Get-MgServicePrincipal -Filter "appId eq '$appId'"
if (-not $enterprise) {
    throw "App $appId has no enterprise application in tenant ${tenant}: check both, and the cloud"
}
$objectId = $enterprise.Id

# The API permission, with an administrator's consent.
$resource = Get-MgServicePrincipal -Filter "appId eq '$resourceAppId'"
$permission = $resource.AppRoles | Where-Object { $_.Value -eq $appRole -and $_.AllowedMemberTypes -contains 'Application' }
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id -and $_.AppRoleId -eq $permission.Id }
if (-not $granted) {
    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId -PrincipalId $objectId `
        -ResourceId $resource.Id -AppRoleId $permission.Id
}

# The High Volume Email accounts let the app in (at most ten apps each; five minutes until it holds). The accounts
# themselves, and the billing policy without which they send nothing, are made in the Exchange admin center: Mail flow ->
# High Volume Email. They write to recipients of the tenant only.
foreach ($mailbox in $mailboxes) {
    if ((Get-HVEAccountSettings -Identity $mailbox).AllowedApps -notcontains $objectId) {
        Add-HVEAppAccess -Identity $mailbox -AppIds $objectId
    }
}

# ---- what holds now

# Granted and Denied, and whether the account may send at all (BillingPolicyStatus: BillingPolicyValid).
foreach ($mailbox in $mailboxes) {
    $allowed = (Get-HVEAccountSettings -Identity $mailbox).AllowedApps
    if ($allowed -contains $objectId) { "Granted: $mailbox" } else { Write-Warning "NOT granted: $mailbox" }
    Get-HVEAccountBillingPolicy -Identity $mailbox | Format-List 'Identity', 'BillingPolicyStatus'
}
foreach ($mailbox in $canary) {
    $allowed = (Get-HVEAccountSettings -Identity $mailbox).AllowedApps
    if ($allowed -contains $objectId) { Write-Warning "NOT denied: $mailbox" } else { "Denied:  $mailbox" }
}

# To take this back, run the lines between the marks in the session in which the script ran. The other profiles of the app
# that leave the same way lose it too:
<#
$mailboxes     = @('scanner@contoso.com')
$canary        = @('ceo@contoso.com')
$resourceAppId = '00000002-0000-0ff1-ce00-000000000000'
$appRole       = 'Mail.Send'
foreach ($mailbox in $mailboxes) {
    Remove-HVEAppAccess -Identity $mailbox -AppIds $objectId
}
Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id -and $_.AppRoleId -eq $permission.Id } |
    ForEach-Object { Remove-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId -AppRoleAssignmentId $_.Id }
#>
