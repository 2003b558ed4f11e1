"""A pretend Microsoft 365: Entra and Exchange Online on loopback. Imports nothing of the rest of the relay."""
