# Other addresses these profiles write as author: each needs Send As.
foreach ($address in $sendAs) {
    if (-not (Get-RecipientPermission -Identity $address -Trustee $trustee -AccessRights SendAs -ErrorAction SilentlyContinue)) {
        Add-RecipientPermission -Identity $address -Trustee $trustee -AccessRights SendAs -Confirm:$false
    }
}
