"""The sample workspace: clearly marked, added and removed in one step."""
