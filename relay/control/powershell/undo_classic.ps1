foreach ($mailbox in $mailboxes) {
    Remove-MailboxPermission -Identity $mailbox -User $objectId -AccessRights FullAccess -Confirm:$false
}
