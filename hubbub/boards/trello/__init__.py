"""Boards from Trello's export."""
