"""Runs many workers of one web application on a machine: supervises, balances, reloads and rolls back.

It knows nothing of what the application does; `contract.py` says what a worker must do to be run by it. Standard
library only: the supervisor stays small.
"""
