"""The background work of chat."""

from hubbub.chat.service.search import index_new_messages
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.periodic import Periodic

INDEX_SECONDS = 5.0


def start_jobs(kernel: Kernel, periodic: Periodic) -> None:
    periodic.start("search index", INDEX_SECONDS, lambda: index_new_messages(kernel))
