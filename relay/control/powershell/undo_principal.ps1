Remove-ServicePrincipal -Identity $objectId -Confirm:$false
