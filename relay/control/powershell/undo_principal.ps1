# Only when nothing else of this app is left in Exchange:
if (Get-ServicePrincipal -Identity $objectId -ErrorAction SilentlyContinue) {
    Remove-ServicePrincipal -Identity $objectId -Confirm:$false
}
