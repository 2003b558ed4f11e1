# The High Volume Email accounts let the app in (at most ten apps each; five minutes until it holds). The accounts
# themselves, and the billing policy without which they send nothing, are made in the Exchange admin center: Mail flow ->
# High Volume Email. They write to recipients of the tenant only.
foreach ($mailbox in $mailboxes) {
    if ((Get-HVEAccountSettings -Identity $mailbox).AllowedApps -notcontains $objectId) {
        Add-HVEAppAccess -Identity $mailbox -AppIds $objectId
    }
}
