foreach ($address in $sendAs) {
    Remove-RecipientPermission -Identity $address -Trustee $trustee -AccessRights SendAs -Confirm:$false
}
