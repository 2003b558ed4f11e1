# Granted and Denied, and whether the account may send at all (BillingPolicyStatus: BillingPolicyValid).
foreach ($mailbox in $mailboxes) {
    $allowed = (Get-HVEAccountSettings -Identity $mailbox).AllowedApps
    if ($allowed -contains $objectId) { "Granted: $mailbox" } else { Write-Warning "NOT granted: $mailbox" }
    Get-HVEAccountBillingPolicy -Identity $mailbox | Format-List 'Identity', 'BillingPolicyStatus'
}
foreach ($mailbox in $canary) {
    $allowed = (Get-HVEAccountSettings -Identity $mailbox).AllowedApps
    if ($allowed -contains $objectId) { Write-Warning "NOT denied: $mailbox" } else { "Denied:  $mailbox" }
}
