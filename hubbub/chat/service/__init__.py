"""The verbs of chat: the only code that writes its tables and appends to its streams."""
