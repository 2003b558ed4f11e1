# Nothing may be granted to the app in Entra besides: there the permission has no scope, and for SMTP it brings back a
# second check, on permissions of each mailbox. This only looks, and says what to take away by hand.
$resource = Get-MgServicePrincipal -Filter "appId eq '$resourceAppId'"
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id }
$names = $resource.AppRoles | Where-Object { $granted.AppRoleId -contains $_.Id } | ForEach-Object { $_.Value }
if ($names -contains $appRole) {
    Write-Warning "The app holds $appRole in Entra, without scope. Take it away: App registrations -> $appId -> API permissions"
}
