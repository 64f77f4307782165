"""Hubbub: a self-hosted workspace where a small company and its clients work together live."""

__version__ = "0.1.0"
