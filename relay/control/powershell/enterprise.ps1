# The object id. This is the pitfall of the whole affair: Exchange wants the object id of the ENTERPRISE APPLICATION
# (Entra: Enterprise applications -> the app -> Object ID). The page of the app registration shows an Object ID too, and
# it is another one: with it New-ServicePrincipal refuses, or sign-in fails with 535 5.7.3. Looked up, it cannot go wrong:
$enterprise = Get-MgServicePrincipal -Filter "appId eq '$appId'"
if (-not $enterprise) {
    throw "App $appId has no enterprise application in tenant ${tenant}: check both, and the cloud"
}
$objectId = $enterprise.Id
