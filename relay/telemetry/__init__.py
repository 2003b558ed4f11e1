"""Journal and logs: one method per mail event."""
