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
