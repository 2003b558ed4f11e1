# Full access, on each mailbox: this is what limits the app to them.
foreach ($mailbox in $mailboxes) {
    if (-not (Get-MailboxPermission -Identity $mailbox -User $objectId -ErrorAction SilentlyContinue)) {
        Add-MailboxPermission -Identity $mailbox -User $objectId -AccessRights FullAccess
    }
}
