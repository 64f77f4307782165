"""The live side every feature shares: connecting, following streams, presence, the log by HTTP."""
