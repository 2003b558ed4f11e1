"""The HTTP face of the relay: probes, status, metrics. It fails by itself and never stops mail."""
