"""Publishes the log to a broker: in order per stream, at least once (docs/relay.md)."""
