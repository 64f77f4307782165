"""The Python client among the swarm: `python -m chaos.genuine PLAN`; same orders, same diary as chaos.swarm.

It signs in with a password over HTTP. Its library already drops what comes twice and fills holes, so what is written
down is what an application sees.
"""

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import uvloop

from chaos.people import PASSWORD
from chaos.records import ClientLog, From, Reset, Seen, Sent, encode_logs
from hubbub.client import Client, Entry, Refused


class Person:
    """One signed-in client that follows a room and posts there."""

    def __init__(self, given: dict[str, Any], port: int) -> None:
        self.client = Client(f"http://127.0.0.1:{port}")
        self.email: str = given["email"]
        self.room: str = given["room"]
        self.log = ClientLog(given["name"], given["user"])
        self.last: dict[str, int] = {}
        self.number = 0
        self.watching: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.client.sign_in(self.email, PASSWORD)
        streams = dict.fromkeys([self.room, self.log.user], 0)
        for stream in streams:
            self.log.seen[stream] = [From(0)]
        await self.client.follow(streams)
        self.watching = asyncio.create_task(self.watch())

    async def watch(self) -> None:
        async for item in self.client.entries():
            events = self.log.seen.setdefault(item.stream, [])
            if isinstance(item, Entry):
                crc = crc32(orjson.dumps(item.data))
                events.append(Seen(item.stream, item.seq, item.kind, item.actor, item.key, crc))
                self.last[item.stream] = item.seq
            else:
                events += [Reset(item.head, item.reason), From(item.head)]

    async def work(self, stop: asyncio.Event, pause: float) -> None:
        while not stop.is_set():
            await asyncio.sleep(random.expovariate(1 / pause))
            self.number += 1
            key = f"{self.log.name}.{self.number}"
            body = f"said {key}"
            self.log.sent[key] = Sent("message.post", self.room, self.room, body)
            try:
                message = await self.client.post(self.room, body, key=key)
            except Refused as refused:
                self.log.refused[key] = (refused.status, str(refused))
            else:
                self.log.acknowledged[key] = (message["seq"], message["id"])

    def lacks(self, heads: dict[str, int]) -> str:
        for stream in (self.room, self.log.user):
            if self.last.get(stream, 0) < heads.get(stream, 0):
                return f"{self.last.get(stream, 0)} of {heads[stream]} in {stream}"
        return ""


class Genuine:
    """The clients of this process, and what the harness asks of them."""

    def __init__(self, document: dict[str, Any]) -> None:
        ports = document["ports"]
        self.pause: float = document["pause"]
        self.people = [
            Person(given, ports[place % len(ports)])
            for place, given in enumerate(document["clients"])
        ]
        self.stop = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "connect":
                await asyncio.gather(*(person.connect() for person in self.people))
            case "write":
                self.tasks = [
                    asyncio.create_task(person.work(self.stop, self.pause))
                    for person in self.people
                ]
            case "stop":
                self.stop.set()
                _, late = await asyncio.wait(self.tasks, timeout=60)
                return {"unanswered": len(late), "commands": sum(p.number for p in self.people)}
            case "wait":
                return await self.wait(order["heads"], order["seconds"])
            case "finish":
                logs = encode_logs([person.log for person in self.people])
                await asyncio.to_thread(Path(order["path"]).write_bytes, logs)
                await asyncio.gather(*(person.client.close() for person in self.people))
        return {"online": 0, "recovered": 0, "acknowledged": 0}

    async def wait(self, heads: dict[str, int], seconds: float) -> dict[str, Any]:
        began = time.monotonic()
        while True:
            late = [person for person in self.people if person.lacks(heads)]
            took = time.monotonic() - began
            if not late or took > seconds:
                told = {person.log.name: person.lacks(heads) for person in late}
                return {"took": took, "late": len(late), "told": told}
            await asyncio.sleep(0.05)


async def main(document: dict[str, Any]) -> None:
    genuine = Genuine(document)
    reader = asyncio.StreamReader(limit=50_000_000)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        answer = await genuine.answer(orjson.loads(line))
        print(orjson.dumps(answer).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(orjson.loads(Path(sys.argv[1]).read_bytes())))
