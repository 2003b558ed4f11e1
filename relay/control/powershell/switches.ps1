# SMTP AUTH for these mailboxes; it may stay off for the organization, a mailbox's own switch comes first.
# Copies of what was sent fill Sent Items, and a full mailbox sends nothing more (554 5.2.2): they are switched off. Who
# wants them removes that line, and empties the folder by a retention policy.
foreach ($mailbox in $mailboxes) {
    Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $false
    Set-Mailbox -Identity $mailbox -MessageCopyForSMTPClientSubmissionEnabled $false
}
