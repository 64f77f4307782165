"""Versioned changes of the schema. Each expands first; what is no longer used goes a release later."""
