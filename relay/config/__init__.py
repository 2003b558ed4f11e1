"""Every option once; its text is the manual."""
