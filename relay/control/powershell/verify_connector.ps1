Get-InboundConnector -Identity $connector | Format-List 'Name', 'Enabled', 'RequireTls', 'TlsSenderCertificateName'
