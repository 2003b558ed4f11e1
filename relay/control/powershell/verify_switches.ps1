# The switches: False is on, True is off, empty is as the organization (the last line).
foreach ($mailbox in $mailboxes) {
    Get-CASMailbox -Identity $mailbox | Format-List 'PrimarySmtpAddress', 'SmtpClientAuthenticationDisabled'
    Get-Mailbox -Identity $mailbox | Format-List 'PrimarySmtpAddress', 'MaxSendSize', 'MessageCopyForSMTPClientSubmissionEnabled'
}
Get-TransportConfig | Format-List 'SmtpClientAuthenticationDisabled'
