"""Who is told of whose coming and going."""

import asyncio
from pathlib import Path

import pytest

from hubbub.kernel.bus import Signal
from hubbub.kernel.errors import Unavailable
from hubbub.realtime import announcing
from hubbub.realtime.announcing import Announcer, make_signals
from tests.support.app import found_workspace, join, make_room, running_app

pytestmark = pytest.mark.anyio


def test_one_keeps_its_form_and_many_are_bounded() -> None:
    (alone,) = make_signals("s", {"ann": False})
    assert alone == Signal("s", "presence", "ann", {"online": False})
    changes = {f"p{number}": number % 3 != 0 for number in range(1_201)}
    signals = list(make_signals("s", changes))
    assert [len(s.data["online"]) + len(s.data["offline"]) for s in signals] == [500, 500, 201]
    told = {user: True for s in signals for user in s.data["online"]}
    told |= {user: False for s in signals for user in s.data["offline"]}
    assert told == changes


async def test_each_stream_is_told_of_those_it_shows(
    migrated_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(migrated_database_url, tmp_path) as app:
        owner = await found_workspace(app)
        mia = await join(owner, "Mia Member")
        shared = await make_room(owner, "With a client", "private", mia)
        await make_room(owner, "Ours", "private", mia)
        cleo = await join(owner, "Cleo Client", "client", shared)
        workspace = (await owner.call("GET", "/api/sync"))["workspace"]["id"]
        told: list[Signal] = []
        queries = 0
        read = app.kernel.read

        async def count(function: object, users: list[str]) -> object:
            nonlocal queries
            queries += 1
            if queries == 1:
                raise Unavailable("The database is away.")
            return await read(function, users)  # type: ignore[arg-type]

        monkeypatch.setattr(app.kernel, "read", count)
        monkeypatch.setattr(announcing, "RETRY_SECONDS", 0.0)
        announcer = Announcer(app.kernel, told.append)
        announcer.changed({owner.id, mia.id, cleo.id, "stranger"}, set())
        announcer.changed(set(), {mia.id})
        async with asyncio.timeout(60):
            while len(told) < 2:
                await asyncio.sleep(0.01)
        await announcer.stop()
        assert queries == 2, "one for the batch, after one that failed"
        by_stream = {s.stream: (set(s.data["online"]), set(s.data["offline"])) for s in told}
        assert by_stream == {
            workspace: ({owner.id, cleo.id, "stranger"}, {mia.id}),
            shared: ({owner.id, cleo.id}, {mia.id}),
        }
