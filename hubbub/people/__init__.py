"""People: accounts, guests, sessions, roles, invitations."""
