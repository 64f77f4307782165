"""The kernel: database, log, committer, bus, relay. It knows streams and entries, and no feature."""
