"""Every option once; its text is the manual."""

import os

# Pydantic would look for plugins among all packages installed: slow, and their code in our process.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
