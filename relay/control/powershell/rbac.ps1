# Who may be sent as: the members of one group, and nobody else.
if (-not (Get-DistributionGroup -Identity $group -ErrorAction SilentlyContinue)) {
    New-DistributionGroup -Name $group -Type Security
}
$members = @(Get-DistributionGroupMember -Identity $group -ResultSize Unlimited | ForEach-Object { $_.PrimarySmtpAddress })
foreach ($mailbox in $mailboxes) {
    if ($members -notcontains (Get-Recipient -Identity $mailbox).PrimarySmtpAddress) {
        Add-DistributionGroupMember -Identity $group -Member $mailbox -BypassSecurityGroupManagerCheck
    }
}

# The role, for that group alone. Without a scope the app could send as everybody.
if (-not (Get-ManagementScope -Identity $scope -ErrorAction SilentlyContinue)) {
    $name = (Get-DistributionGroup -Identity $group).DistinguishedName.Replace("'", "''")
    New-ManagementScope -Name $scope -RecipientRestrictionFilter "MemberOfGroup -eq '$name'"
}
if (-not (Get-ManagementRoleAssignment -Identity $assignment -ErrorAction SilentlyContinue)) {
    New-ManagementRoleAssignment -Name $assignment -Role $role -App $objectId -CustomResourceScope $scope
}
