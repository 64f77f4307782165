"""Every table of Hubbub in one metadata."""

from hubbub.boards import models as boards
from hubbub.boards.trello import models as imports
from hubbub.chat import models as chat
from hubbub.kernel import commands, log, nodes
from hubbub.kernel.database import metadata
from hubbub.kernel.jobs import table as jobs
from hubbub.kernel.publisher import tables as publisher
from hubbub.operations import models as operations
from hubbub.people import models as people

__all__ = [
    "boards",
    "chat",
    "commands",
    "imports",
    "jobs",
    "log",
    "metadata",
    "nodes",
    "operations",
    "people",
    "publisher",
]
