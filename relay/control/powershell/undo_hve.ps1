foreach ($mailbox in $mailboxes) {
    Remove-HVEAppAccess -Identity $mailbox -AppIds $objectId
}
