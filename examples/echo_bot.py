"""A bot that answers everybody who says "ping". Run: python examples/echo_bot.py URL EMAIL PASSWORD ROOM"""

import asyncio
import sys

from hubbub.client import Client, Entry


async def main(url: str, email: str, password: str, room: str) -> None:
    async with Client(url) as client:
        await client.sign_in(email, password)
        await client.follow({room: None})
        async for entry in client.entries():
            if isinstance(entry, Entry) and entry.kind == "message.posted":
                message = entry.data
                if message["body"].strip() == "ping" and message["author"] != client.me["id"]:
                    await client.post(room, "pong", reply_to=message["id"])


asyncio.run(main(*sys.argv[1:5]))
