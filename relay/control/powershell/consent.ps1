# The API permission, with an administrator's consent.
$resource = Get-MgServicePrincipal -Filter "appId eq '$resourceAppId'"
$permission = $resource.AppRoles | Where-Object { $_.Value -eq $appRole -and $_.AllowedMemberTypes -contains 'Application' }
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id -and $_.AppRoleId -eq $permission.Id }
if (-not $granted) {
    New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId -PrincipalId $objectId `
        -ResourceId $resource.Id -AppRoleId $permission.Id
}
