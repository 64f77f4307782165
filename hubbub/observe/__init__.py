"""Logging, metrics, health, live statistics, errors the browsers report."""
