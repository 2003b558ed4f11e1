foreach ($mailbox in $mailboxes) {
    Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $null
    Set-Mailbox -Identity $mailbox -MessageCopyForSMTPClientSubmissionEnabled $true
}
