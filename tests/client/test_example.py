"""The example bot, as somebody would run it."""

import asyncio
import sys
from pathlib import Path

import pytest

from hubbub.client import Client, Entry
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

BOT = Path(__file__).parents[2] / "examples" / "echo_bot.py"
PASSWORD = "a long enough passphrase"


async def test_the_bot_answers_and_survives_a_restart(server: ServerProcess) -> None:
    async with Client(server.url) as owner:
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        invitation = await owner.request("POST", "/api/invitations", {"role": "member"})
        async with Client(server.url) as account:
            await account.sign_up(
                "Echo Bot", "bot@example.com", PASSWORD, invite=invitation["code"]
            )
        rooms = await owner.request("GET", "/api/rooms")
        room = rooms["items"][0]["id"]
        await owner.follow({room: None})
        bot = await asyncio.create_subprocess_exec(
            sys.executable, str(BOT), server.url, "bot@example.com", PASSWORD, room
        )
        try:
            for _ in range(2):
                await wait_for_pong(owner, room)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            assert bot.returncode is None
        finally:
            bot.kill()
            await bot.wait()


async def wait_for_pong(owner: Client, room: str) -> None:
    """Says "ping" until the bot, which needs a moment to connect, answers."""
    async with asyncio.timeout(120):
        while True:
            await owner.post(room, "ping")
            try:
                async with asyncio.timeout(2):
                    while True:
                        entry = await owner.next_entry()
                        if is_message(entry, "pong"):
                            return
            except TimeoutError:
                continue


def is_message(item: object, body: str) -> bool:
    return isinstance(item, Entry) and item.kind == "message.posted" and item.data["body"] == body
