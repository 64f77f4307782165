"""The background work of chat."""

from hubbub.chat.service.search import index_new_messages
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.periodic import Periodic

INDEX_SECONDS = 5.0


def index_periodically(kernel: Kernel, periodic: Periodic) -> None:
    """Keeps SQLite's search index up to date. PostgreSQL does so itself, and a SQLite has one process."""
    if kernel.database.sqlite:
        periodic.start("search index", INDEX_SECONDS, lambda: index_new_messages(kernel))
