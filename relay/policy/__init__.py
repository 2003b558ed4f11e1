"""Decisions: synchronous functions; clock, limits and chance come in as arguments."""
