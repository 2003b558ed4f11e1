"""The street door: one file per verb."""
