"""Chat: rooms, messages, reactions, read marks, search."""
