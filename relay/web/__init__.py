"""The web: probes, status and metrics on a listener of their own, a face of `relay.control`; mail never waits for it."""
