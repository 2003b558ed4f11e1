Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId |
    Where-Object { $_.ResourceId -eq $resource.Id -and $_.AppRoleId -eq $permission.Id } |
    ForEach-Object { Remove-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $objectId -AppRoleAssignmentId $_.Id }
