"""The web: probes, status and metrics on their own listener, a face of `relay.control`; mail never waits for it."""
