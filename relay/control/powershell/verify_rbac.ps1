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
