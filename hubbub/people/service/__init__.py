"""The verbs of people: the only code that writes its tables and appends to its streams."""
