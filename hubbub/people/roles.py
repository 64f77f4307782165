"""What the roles share."""

COLLEAGUES = frozenset({"owner", "admin", "member"})
"""Roles that see the workspace and its open rooms; clients and guests see only rooms they are in."""
