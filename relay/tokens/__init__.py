"""Access tokens: the contract, the only file that knows MSAL, and the keeper that shares one request among many."""
