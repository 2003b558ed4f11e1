# Granted and Denied. It takes up to two hours until Exchange honours what is granted here; this shows what will hold.
Get-ServicePrincipal -Identity $objectId | Format-List 'DisplayName', 'AppId', 'ObjectId'
foreach ($mailbox in $mailboxes) {
    $found = Get-MailboxPermission -Identity $mailbox -User $objectId -ErrorAction SilentlyContinue
    if ($found.AccessRights -contains 'FullAccess') { "Granted: $mailbox" } else { Write-Warning "NOT granted: $mailbox" }
}
foreach ($mailbox in $canary) {
    $found = Get-MailboxPermission -Identity $mailbox -User $objectId -ErrorAction SilentlyContinue
    if ($found.AccessRights -contains 'FullAccess') { Write-Warning "NOT denied: $mailbox" } else { "Denied:  $mailbox" }
}
