"""Ways upstream, one contract: Exchange SMTP with XOAUTH2 is the main one."""
