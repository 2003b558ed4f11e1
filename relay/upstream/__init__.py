"""The configured side that faces Microsoft, built: token sources, transports, the words of verdicts."""
