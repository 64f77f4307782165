"""Boards: lists of tasks that several people move at once (docs/boards.md)."""
