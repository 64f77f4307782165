"""Many light clients in one process: `python -m chaos.swarm PLAN`, told what to do by lines on its input.

Each line in and out is a JSON object: `{"do": "connect"}`, `write`, `stop`, `storm`, `status`,
`{"do": "wait", …}` and `{"do": "finish", "path": …}`.
"""

import asyncio
import gc
import random
import sys
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from chaos.client import Cache, LightClient
from chaos.records import Seen, Sent, encode_logs

CONNECTING = 100
HTTP_SECONDS = 15.0
RECENT = 50
EMOJI = ("👍", "🎉", "❤️", "👀")


@dataclass(slots=True)
class Plan:
    """What one client does. `room` is its stable room, `moving` those it comes and goes in."""

    name: str
    user: str
    token: str
    room: str
    role: str
    moving: list[str] = field(default_factory=list)
    secret: str = ""
    people: list[str] = field(default_factory=list)


async def request(
    port: int, token: str, method: str, path: str, body: Any, key: str
) -> tuple[int, Any]:
    """One HTTP call, repeated until it has a definite answer: its status and JSON."""
    payload = b"" if body is None else orjson.dumps(body)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: hubbub\r\nConnection: close\r\n"
        f"Authorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    ).encode()
    wait = 0.2
    while True:
        writer = None
        try:
            async with asyncio.timeout(HTTP_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head + payload)
                top = await reader.readuntil(b"\r\n\r\n")
                status = int(top.split(b" ", 2)[1])
                fields = top.lower()
                if b"content-length:" in fields:
                    size = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
                    answer = await reader.readexactly(size)
                else:
                    answer = b""
        except (OSError, TimeoutError, EOFError, ValueError, IndexError):
            status, answer = 503, b""
        finally:
            if writer is not None:
                writer.transport.abort()
        if status not in (429, 502, 503):
            return status, orjson.loads(answer) if answer else None
        await asyncio.sleep(wait * (0.5 + random.random()))
        wait = min(wait * 2, 3.0)


class Actor:
    """A client that also writes: what it says and does follows from its seed and from what it sees."""

    def __init__(self, client: LightClient, plan: Plan, chance: random.Random, rate: float) -> None:
        self.client = client
        self.plan = plan
        self.chance = chance
        self.rate = rate
        self.mine: list[str] = []
        self.recent: deque[str] = deque(maxlen=RECENT)
        self.number = 0
        self.commands = 0
        self._extra: set[asyncio.Task[Any]] = set()
        client.on_entry = self.on_entry

    def on_entry(self, seen: Seen, data: Any) -> None:
        if seen.kind == "message.posted":
            if seen.stream == self.plan.room:
                self.recent.append(data["id"])
        elif seen.kind == "member.joined" and seen.stream == self.plan.user == data["user"]:
            room = data["room"]
            if room not in self.client.wanted:
                self.client.wanted[room] = last_seen(self.client, room)
                self.client.follow([room])

    def new_key(self) -> str:
        self.number += 1
        return f"{self.plan.name}.{self.number}"

    async def work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(self.chance.expovariate(self.rate))
            if stop.is_set():
                return
            await self.act()
            self.commands += 1

    async def act(self) -> None:
        dice = self.chance.random()
        if self.plan.role == "mover" and dice < 0.4:
            await self.move()
        elif dice < 0.62 or not self.recent:
            await self.post()
        elif dice < 0.72 and self.mine:
            sent = Sent("message.edit", self.plan.room, self.chance.choice(self.mine))
            await self.command(sent, body=f"edited {self.new_key()}")
        elif dice < 0.84:
            kind = "message.react" if self.chance.random() < 0.7 else "message.unreact"
            sent = Sent(kind, self.plan.room, self.chance.choice(self.recent))
            await self.command(sent, emoji=self.chance.choice(EMOJI))
        elif dice < 0.88 and len(self.mine) > 3:
            target = self.mine.pop(self.chance.randrange(len(self.mine)))
            await self.command(Sent("message.delete", self.plan.room, target))
        elif dice < 0.96:
            await self.read()
        elif dice < 0.98 and self.plan.secret:
            # Somebody tries to listen at the door.
            self.client.wanted[self.plan.secret] = 0
            self.client.follow([self.plan.secret])
        else:
            # To another node, in the middle of things.
            self.client.drop()

    async def post(self) -> None:
        key = self.new_key()
        room = self.plan.room
        arguments: dict[str, Any] = {"room": room, "body": f"said {key}"}
        if self.recent and self.chance.random() < 0.15:
            arguments["reply_to"] = self.chance.choice(self.recent)
        sent = Sent("message.post", room, room, arguments["body"])
        posting = asyncio.create_task(self.client.command(sent, "message.post", key, **arguments))
        dice = self.chance.random()
        if dice < 0.05:
            # The acknowledgement is lost, if there is one already.
            await asyncio.sleep(self.chance.random() * 0.02)
            self.client.drop()
        elif dice < 0.10:
            await asyncio.sleep(0)
            self.client.repeat(key)
        elif dice < 0.15:
            body = {name: value for name, value in arguments.items() if name != "room"}
            self.spawn(self.call("POST", f"/api/rooms/{room}/messages", body, key))
        ack = await posting
        if ack["ok"]:
            self.mine.append(ack["message"]["id"])
            del self.mine[:-RECENT]
        elif ack["error"].get("status") != 422:
            # 422: the message that was answered stands in another room; it cannot here.
            self.note_refusal(key, ack)

    def spawn(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._extra.add(task)
        task.add_done_callback(self._extra.discard)

    async def settle(self) -> None:
        """Waits for what was begun beside the commands."""
        await asyncio.gather(*self._extra, return_exceptions=True)

    async def command(self, sent: Sent, **arguments: Any) -> None:
        key = self.new_key()
        ack = await self.client.command(sent, sent.kind, key, message=sent.target, **arguments)
        deleted = ack.get("error", {}).get("status") == 409 and "react" in sent.kind
        if not ack["ok"] and not deleted:
            self.note_refusal(key, ack)

    async def read(self) -> None:
        key, room = self.new_key(), self.plan.room
        seq = self.client.wanted.get(room, 0)
        ack = await self.client.command(
            Sent("room.read", room, room), "room.read", key, room=room, seq=seq
        )
        if not ack["ok"]:
            self.note_refusal(key, ack)

    def note_refusal(self, key: str, ack: dict[str, Any]) -> None:
        error = ack.get("error", {})
        self.client.log.refused[key] = (int(error.get("status", 0)), str(error.get("detail")))

    async def call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        status, answer = await request(self.client.port, self.plan.token, method, path, body, key)
        if status == 401:
            self.client.log.ended.append(f"HTTP 401: {path}")
        return status, answer

    async def move(self) -> None:
        """Leaves a room, takes somebody out, or brings somebody in."""
        room = self.chance.choice(self.plan.moving)
        key = self.new_key()
        manager = self.plan.people and self.plan.people[0] == self.plan.user
        user = self.chance.choice(self.plan.people[1:]) if manager else self.plan.user
        bring = manager and self.chance.random() < 0.6
        if bring:
            path, method, body = f"/api/rooms/{room}/members", "POST", {"user": user}
        else:
            path, method, body = f"/api/rooms/{room}/members/{user}", "DELETE", None
        sent = Sent("member.add" if bring else "member.remove", room, user)
        self.client.log.sent[key] = sent
        status, _ = await self.call(method, path, body, key)
        if status in (200, 201, 204):
            self.client.log.acknowledged[key] = (0, "")
        elif status not in (401, 404):
            # 404: no longer in the room, which another may have seen to.
            self.client.log.refused[key] = (status, path)


def last_seen(client: LightClient, stream: str) -> int:
    """The newest `seq` a client has of a stream, 0 if it has nothing."""
    for event in reversed(client.log.seen.get(stream, ())):
        if isinstance(event, Seen):
            return event.seq
    return 0


class Swarm:
    """The clients of one process, and what the harness asks of them."""

    def __init__(self, document: dict[str, Any]) -> None:
        cache = Cache()
        self.chance = random.Random(document["seed"])
        ports = document["ports"]
        self.clients: list[LightClient] = []
        self.actors: list[Actor] = []
        self.plans: dict[str, Plan] = {}
        self.stop = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        for place, item in enumerate(document["clients"]):
            plan = Plan(**item)
            own = random.Random(self.chance.random())
            client = LightClient(
                plan.name, plan.user, plan.token, ports[place % len(ports)], cache, own
            )
            client.wanted = dict.fromkeys([plan.room, plan.user, *plan.moving], 0)
            self.clients.append(client)
            self.plans[plan.name] = plan
            if plan.role != "reader":
                self.actors.append(Actor(client, plan, own, document["rate"]))

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            for client in self.clients:
                client.tick()

    async def connect(self) -> dict[str, Any]:
        """Everybody, a hundred at a time; returns when all are here and caught up."""
        for start in range(0, len(self.clients), CONNECTING):
            batch = self.clients[start : start + CONNECTING]
            for client in batch:
                client.connect()
            while not all(client.recovered for client in batch):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return {"connected": len(self.clients)}

    def write(self) -> dict[str, Any]:
        self.stop.clear()
        self.tasks += [asyncio.create_task(actor.work(self.stop)) for actor in self.actors]
        return {"writing": len(self.actors)}

    async def stop_writing(self) -> dict[str, Any]:
        """Ends the writing; returns when every command has its answer."""
        self.stop.set()
        _, late = await asyncio.wait(self.tasks, timeout=60) if self.tasks else (set(), set())
        for task in self.tasks:
            if task.done() and not task.cancelled() and task.exception():
                raise task.exception() or RuntimeError
        for actor in self.actors:
            await actor.settle()
        return {"unanswered": len(late), "commands": sum(a.commands for a in self.actors)}

    def storm(self) -> dict[str, Any]:
        """Everybody loses the connection in the same moment."""
        for client in self.clients:
            client.drop()
        return {"dropped": len(self.clients)}

    def status(self) -> dict[str, Any]:
        return {
            "online": sum(client.online for client in self.clients),
            "recovered": sum(client.recovered for client in self.clients),
            "acknowledged": sum(len(client.log.acknowledged) for client in self.clients),
        }

    async def wait(
        self, heads: dict[str, int], members: dict[str, list[str]], seconds: float
    ) -> dict[str, Any]:
        """Until everybody has everything, and who has not when the time is over."""
        began = time.monotonic()
        inside = {room: set(people) for room, people in members.items()}
        while True:
            late = [c for c in self.clients if self.lacks(c, heads, inside)]
            took = time.monotonic() - began
            if not late or took > seconds:
                told = {c.name: self.lacks(c, heads, inside) for c in late[:20]}
                return {"took": took, "late": len(late), "told": told}
            await asyncio.sleep(0.05)

    def lacks(
        self, client: LightClient, heads: dict[str, int], members: dict[str, set[str]]
    ) -> str:
        """What a client still lacks; nothing if it has all it should."""
        plan = self.plans[client.name]
        if not client.online:
            return "not connected"
        expected = [plan.room, plan.user]
        expected += [room for room in plan.moving if client.user in members.get(room, ())]
        for stream in expected:
            if stream not in client.wanted:
                return f"does not follow {stream}"
        for stream, seq in client.wanted.items():
            if seq < heads.get(stream, 0):
                return f"{seq} of {heads[stream]} in {stream}"
        return ""

    async def finish(self, path: str) -> dict[str, Any]:
        for client in self.clients:
            client.close()
        logs = encode_logs([client.log for client in self.clients])
        await asyncio.to_thread(Path(path).write_bytes, logs)
        return {"finished": len(self.clients)}

    async def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "connect":
                return await self.connect()
            case "write":
                return self.write()
            case "stop":
                return await self.stop_writing()
            case "storm":
                return self.storm()
            case "wait":
                return await self.wait(order["heads"], order["members"], order["seconds"])
            case "finish":
                return await self.finish(order["path"])
            case _:
                return self.status()


async def main(document: dict[str, Any]) -> None:
    swarm = Swarm(document)
    gc.freeze()
    gc.set_threshold(50_000)
    ticking = asyncio.create_task(swarm.tick())
    reader = asyncio.StreamReader(limit=50_000_000)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        answer = await swarm.answer(orjson.loads(line))
        print(orjson.dumps(answer).decode(), flush=True)
    ticking.cancel()


if __name__ == "__main__":
    uvloop.run(main(orjson.loads(Path(sys.argv[1]).read_bytes())))
