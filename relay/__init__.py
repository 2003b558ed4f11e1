"""A local SMTP relay that adds OAuth2 to legacy devices."""

__version__ = "0.1.0"
