foreach ($address in $sendAs) {
    Get-RecipientPermission -Identity $address -Trustee $trustee | Format-Table 'Identity', 'Trustee', 'AccessRights'
}
