"""The durable store of messages between acceptance and the final outcome."""
