"""Who looks at a board: a signal to its followers, and to nobody from those who do not follow it."""

from typing import Any

import pytest

from hubbub.gateway import Namespace
from hubbub.kernel.bus import Signal
from hubbub.kernel.caller import Caller
from hubbub.kernel.connection import Connection
from hubbub.kernel.errors import Invalid, TooMany
from tests.chat.conftest import workspace as workspace

from .conftest import Project

pytestmark = pytest.mark.anyio


class FakeSocket:
    """Only what the handler reads."""

    data: Connection


async def test_looking_is_told_to_followers(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = project.mia.application.kernel
    namespace: Namespace = project.mia.application.gateway.namespace("/")
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(kernel.bus, "signal", lambda signal: told.append(Signal.document(signal)))
    socket: Any = FakeSocket()
    socket.data = Connection(socket, Caller(project.mia.id, "member"), 0)

    def look(**given: Any) -> None:
        assert namespace.handlers["look"](socket, {"board": project.board} | given) is None

    look(task=None, on=True)
    assert told == []
    socket.data.following[project.board] = True
    look(task=project.tasks[0], on=True)
    look(on=False)
    base = {"stream": project.board, "kind": "looking", "actor": project.mia.id}
    assert told == [
        {**base, "data": {"task": project.tasks[0], "on": True}},
        {**base, "data": {"task": None, "on": False}},
    ]
    with pytest.raises(Invalid):
        look(task="no id", on=True)
    limited = kernel.settings.model_copy(update={"rate_limits": True})
    monkeypatch.setattr(kernel, "settings", limited)
    monkeypatch.setattr("hubbub.kernel.sockets.BURST", 0.0)
    with pytest.raises(TooMany):
        look(task=None, on=True)
