"""What writes to boards: commands, each in one transaction with the entries that tell of it."""
