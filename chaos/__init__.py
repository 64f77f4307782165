"""The fault suite: real processes, faults by seed, and clients that remember what they saw (docs/chaos.md)."""
