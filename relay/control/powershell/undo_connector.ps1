Remove-InboundConnector -Identity $connector -Confirm:$false
