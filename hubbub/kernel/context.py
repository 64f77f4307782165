"""What is being worked on, for whoever writes a line about it."""

from contextvars import ContextVar

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the HTTP request, "" outside of one."""
TRACE: ContextVar[str] = ContextVar("trace", default="")
"""The id of its trace in hexadecimal, "" while nothing is traced."""
