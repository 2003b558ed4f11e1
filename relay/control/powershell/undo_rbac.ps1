Remove-ManagementRoleAssignment -Identity $assignment -Confirm:$false
Remove-ManagementScope -Identity $scope -Confirm:$false
Remove-DistributionGroup -Identity $group -Confirm:$false
