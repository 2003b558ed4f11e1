# Microsoft 365 for profile scans of the relay. Written by: relay setup m365 scans
#
# Read it, then run it in PowerShell 7 or Windows PowerShell 5.1 as an administrator of Exchange (and of Entra, who may
# read applications). It may be run again at any time: what is there already stays as it is.
# - smtp: RBAC for Applications: a role for the members of one group
# - graph: RBAC for Applications: a role for the members of one group
#
# What has to be clicked first (the app registration and its credential): relay setup m365 scans --portal
# Afterwards: relay doctor scans

$ErrorActionPreference = 'Stop'
$tenant = 'contoso.onmicrosoft.com'
$appId  = '11111111-2222-3333-4444-555555555555'

foreach ($module in 'ExchangeOnlineManagement', 'Microsoft.Graph.Applications') {
    if (-not (Get-Module -ListAvailable -Name $module)) { Install-Module -Name $module -Scope CurrentUser }
}
Connect-MgGraph -TenantId $tenant -Scopes 'Application.Read.All' -NoWelcome
Connect-ExchangeOnline -Organization $tenant -ShowBanner:$false

# ---- smtp: RBAC for Applications: a role for the members of one group

$displayName   = 'relay contoso'
$mailboxes     = @('scanner@contoso.com')
$canary        = @('ceo@contoso.com')
$sendAs        = @()
$group         = 'relay contoso smtp senders'
$scope         = 'relay contoso smtp scope'
$assignment    = 'relay contoso smtp'
$role          = 'Application SMTP.SendAsApp'
$resourceAppId = '00000002-0000-0ff1-ce00-000000000000'
$appRole       = 'SMTP.SendAsApp'

# The object id. This is the pitfall of the whole affair: Exchange wants the object id of the ENTERPRISE APPLICATION
# (Entra: Enterprise applications -> the app -> Object ID). The page of the app registration shows an Object ID too, and
# it is another one: with it New-ServicePrincipal refuses, or sign-in fails with 535 5.7.3. Looked up, it cannot go wrong:
$enterprise = Get-MgServicePrincipal -Filter "appId eq '$appId'"
if (-not $enterprise) {
    throw "App $appId has no enterprise application in tenant ${tenant}: check both, and the cloud"
}
$objectId = $enterprise.Id

# Exchange learns of the app. An enterprise application that was deleted and made anew has another object id: then what
# Exchange remembers is of no use and is replaced.
$known = Get-ServicePrincipal | Where-Object { $_.AppId -eq $appId }
if ($known -and $known.ObjectId -ne $objectId) {
    Get-ManagementRoleAssignment -RoleAssignee $known.ObjectId -ErrorAction SilentlyContinue |
        Remove-ManagementRoleAssignment -Confirm:$false
    Remove-ServicePrincipal -Identity $known.ObjectId -Confirm:$false
    $known = $null
}
if (-not $known) {
    New-ServicePrincipal -AppId $appId -ObjectId $objectId -DisplayName $displayName
}

# Nothing may be granted to the app in Entra besides: there the permission has no scope, and for SMTP it brings back a
# second check, on permissions of each mailbox. This only looks, and says what to take away by hand.
$resource = Get-MgServicePrincipal -Filter "appId eq '$resourceAppId'"
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id }
$names = $resource.AppRoles | Where-Object { $granted.AppRoleId -contains $_.Id } | ForEach-Object { $_.Value }
if ($names -contains $appRole) {
    Write-Warning "The app holds $appRole in Entra, without scope. Take it away: App registrations -> $appId -> API permissions"
}

# Who may be sent as: the members of one group, and nobody else.
if (-not (Get-DistributionGroup -Identity $group -ErrorAction SilentlyContinue)) {
    New-DistributionGroup -Name $group -Type Security
}
$members = @(Get-DistributionGroupMember -Identity $group -ResultSize Unlimited | ForEach-Object { $_.PrimarySmtpAddress })
foreach ($mailbox in $mailboxes) {
    if ($members -notcontains (Get-Recipient -Identity $mailbox).PrimarySmtpAddress) {
        Add-DistributionGroupMember -Identity $group -Member $mailbox -BypassSecurityGroupManagerCheck
    }
}

# The role, for that group alone. Without a scope the app could send as everybody.
if (-not (Get-ManagementScope -Identity $scope -ErrorAction SilentlyContinue)) {
    $name = (Get-DistributionGroup -Identity $group).DistinguishedName.Replace("'", "''")
    New-ManagementScope -Name $scope -RecipientRestrictionFilter "MemberOfGroup -eq '$name'"
}
if (-not (Get-ManagementRoleAssignment -Identity $assignment -ErrorAction SilentlyContinue)) {
    New-ManagementRoleAssignment -Name $assignment -Role $role -App $objectId -CustomResourceScope $scope
}

# SMTP AUTH for these mailboxes; it may stay off for the organization, a mailbox's own switch comes first.
# Copies of what was sent fill Sent Items, and a full mailbox sends nothing more (554 5.2.2): they are switched off. Who
# wants them removes that line, and empties the folder by a retention policy.
foreach ($mailbox in $mailboxes) {
    Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $false
    Set-Mailbox -Identity $mailbox -MessageCopyForSMTPClientSubmissionEnabled $false
}

# ---- what holds now

# Granted and Denied. It takes up to two hours until Exchange honours what is granted here; this shows what will hold.
Get-ServicePrincipal -Identity $objectId | Format-List 'DisplayName', 'AppId', 'ObjectId'
foreach ($mailbox in $mailboxes) {
    $found = Test-ServicePrincipalAuthorization -Identity $objectId -Resource $mailbox | Where-Object { $_.RoleName -eq $role }
    if ($found.InScope -contains $true) { "Granted: $mailbox" } else { Write-Warning "NOT granted: $mailbox" }
}
foreach ($mailbox in $canary) {
    $found = Test-ServicePrincipalAuthorization -Identity $objectId -Resource $mailbox | Where-Object { $_.RoleName -eq $role }
    if ($found.InScope -contains $true) { Write-Warning "NOT denied: $mailbox" } else { "Denied:  $mailbox" }
}

# The switches: False is on, True is off, empty is as the organization (the last line).
foreach ($mailbox in $mailboxes) {
    Get-CASMailbox -Identity $mailbox | Format-List 'PrimarySmtpAddress', 'SmtpClientAuthenticationDisabled'
    Get-Mailbox -Identity $mailbox | Format-List 'PrimarySmtpAddress', 'MaxSendSize', 'MessageCopyForSMTPClientSubmissionEnabled'
}
Get-TransportConfig | Format-List 'SmtpClientAuthenticationDisabled'

# To take this back, run the lines between the marks in the session in which the script ran. The other profiles of the app
# that leave the same way lose it too:
<#
$displayName   = 'relay contoso'
$mailboxes     = @('scanner@contoso.com')
$canary        = @('ceo@contoso.com')
$sendAs        = @()
$group         = 'relay contoso smtp senders'
$scope         = 'relay contoso smtp scope'
$assignment    = 'relay contoso smtp'
$role          = 'Application SMTP.SendAsApp'
$resourceAppId = '00000002-0000-0ff1-ce00-000000000000'
$appRole       = 'SMTP.SendAsApp'
Remove-ManagementRoleAssignment -Identity $assignment -Confirm:$false
Remove-ManagementScope -Identity $scope -Confirm:$false
Remove-DistributionGroup -Identity $group -Confirm:$false
# Only when nothing else of this app is left in Exchange:
if (Get-ServicePrincipal -Identity $objectId -ErrorAction SilentlyContinue) {
    Remove-ServicePrincipal -Identity $objectId -Confirm:$false
}
foreach ($mailbox in $mailboxes) {
    Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $null
    Set-Mailbox -Identity $mailbox -MessageCopyForSMTPClientSubmissionEnabled $true
}
#>

# ---- graph: RBAC for Applications: a role for the members of one group

$displayName   = 'relay contoso'
$mailboxes     = @('scanner@contoso.com')
$canary        = @('ceo@contoso.com')
$sendAs        = @()
$group         = 'relay contoso graph senders'
$scope         = 'relay contoso graph scope'
$assignment    = 'relay contoso graph'
$role          = 'Application Mail.Send'
$resourceAppId = '00000003-0000-0000-c000-000000000000'
$appRole       = 'Mail.Send'

# The object id. This is the pitfall of the whole affair: Exchange wants the object id of the ENTERPRISE APPLICATION
# (Entra: Enterprise applications -> the app -> Object ID). The page of the app registration shows an Object ID too, and
# it is another one: with it New-ServicePrincipal refuses, or sign-in fails with 535 5.7.3. Looked up, it cannot go wrong:
$enterprise = Get-MgServicePrincipal -Filter "appId eq '$appId'"
if (-not $enterprise) {
    throw "App $appId has no enterprise application in tenant ${tenant}: check both, and the cloud"
}
$objectId = $enterprise.Id

# Exchange learns of the app. An enterprise application that was deleted and made anew has another object id: then what
# Exchange remembers is of no use and is replaced.
$known = Get-ServicePrincipal | Where-Object { $_.AppId -eq $appId }
if ($known -and $known.ObjectId -ne $objectId) {
    Get-ManagementRoleAssignment -RoleAssignee $known.ObjectId -ErrorAction SilentlyContinue |
        Remove-ManagementRoleAssignment -Confirm:$false
    Remove-ServicePrincipal -Identity $known.ObjectId -Confirm:$false
    $known = $null
}
if (-not $known) {
    New-ServicePrincipal -AppId $appId -ObjectId $objectId -DisplayName $displayName
}

# Nothing may be granted to the app in Entra besides: there the permission has no scope, and for SMTP it brings back a
# second check, on permissions of each mailbox. This only looks, and says what to take away by hand.
$resource = Get-MgServicePrincipal -Filter "appId eq '$resourceAppId'"
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id }
$names = $resource.AppRoles | Where-Object { $granted.AppRoleId -contains $_.Id } | ForEach-Object { $_.Value }
if ($names -contains $appRole) {
    Write-Warning "The app holds $appRole in Entra, without scope. Take it away: App registrations -> $appId -> API permissions"
}

# Who may be sent as: the members of one group, and nobody else.
if (-not (Get-DistributionGroup -Identity $group -ErrorAction SilentlyContinue)) {
    New-DistributionGroup -Name $group -Type Security
}
$members = @(Get-DistributionGroupMember -Identity $group -ResultSize Unlimited | ForEach-Object { $_.PrimarySmtpAddress })
foreach ($mailbox in $mailboxes) {
    if ($members -notcontains (Get-Recipient -Identity $mailbox).PrimarySmtpAddress) {
        Add-DistributionGroupMember -Identity $group -Member $mailbox -BypassSecurityGroupManagerCheck
    }
}

# The role, for that group alone. Without a scope the app could send as everybody.
if (-not (Get-ManagementScope -Identity $scope -ErrorAction SilentlyContinue)) {
    $name = (Get-DistributionGroup -Identity $group).DistinguishedName.Replace("'", "''")
    New-ManagementScope -Name $scope -RecipientRestrictionFilter "MemberOfGroup -eq '$name'"
}
if (-not (Get-ManagementRoleAssignment -Identity $assignment -ErrorAction SilentlyContinue)) {
    New-ManagementRoleAssignment -Name $assignment -Role $role -App $objectId -CustomResourceScope $scope
}

# ---- what holds now

# Granted and Denied. It takes up to two hours until Exchange honours what is granted here; this shows what will hold.
Get-ServicePrincipal -Identity $objectId | Format-List 'DisplayName', 'AppId', 'ObjectId'
foreach ($mailbox in $mailboxes) {
    $found = Test-ServicePrincipalAuthorization -Identity $objectId -Resource $mailbox | Where-Object { $_.RoleName -eq $role }
    if ($found.InScope -contains $true) { "Granted: $mailbox" } else { Write-Warning "NOT granted: $mailbox" }
}
foreach ($mailbox in $canary) {
    $found = Test-ServicePrincipalAuthorization -Identity $objectId -Resource $mailbox | Where-Object { $_.RoleName -eq $role }
    if ($found.InScope -contains $true) { Write-Warning "NOT denied: $mailbox" } else { "Denied:  $mailbox" }
}

# To take this back, run the lines between the marks in the session in which the script ran. The other profiles of the app
# that leave the same way lose it too:
<#
$displayName   = 'relay contoso'
$mailboxes     = @('scanner@contoso.com')
$canary        = @('ceo@contoso.com')
$sendAs        = @()
$group         = 'relay contoso graph senders'
$scope         = 'relay contoso graph scope'
$assignment    = 'relay contoso graph'
$role          = 'Application Mail.Send'
$resourceAppId = '00000003-0000-0000-c000-000000000000'
$appRole       = 'Mail.Send'
Remove-ManagementRoleAssignment -Identity $assignment -Confirm:$false
Remove-ManagementScope -Identity $scope -Confirm:$false
Remove-DistributionGroup -Identity $group -Confirm:$false
# Only when nothing else of this app is left in Exchange:
if (Get-ServicePrincipal -Identity $objectId -ErrorAction SilentlyContinue) {
    Remove-ServicePrincipal -Identity $objectId -Confirm:$false
}
#>
