# Exchange knows the relay by its certificate. The name in it must be of an accepted domain of the tenant, and the
# certificate must be one that Exchange trusts (a public authority).
if (-not (Get-AcceptedDomain | Where-Object { $certificateName -eq $_.DomainName -or $certificateName -like "*.$($_.DomainName)" })) {
    throw "$certificateName belongs to no accepted domain of the tenant"
}
if (-not (Get-InboundConnector -Identity $connector -ErrorAction SilentlyContinue)) {
    New-InboundConnector -Name $connector -ConnectorType OnPremises -SenderDomains '*' -RequireTls $true `
        -TlsSenderCertificateName $certificateName -Enabled $true
}
