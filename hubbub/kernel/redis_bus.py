"""The bus over Redis: one channel for each stream, heard by the nodes that follow it.

Redis publishes and forgets. What a node must not miss is in the log, so nothing here is kept or sent twice: hints
that cannot go out are dropped and counted, and the sweep of the nodes that lack them finds the entries. On a cluster
the channels are sharded, with one pair of connections for each master.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hiredis

from hubbub.kernel.bus import Listener, LocalBus, Signal, State
from hubbub.kernel.bus_codec import (
    BODY,
    ENTRIES,
    NODE_BYTES,
    SIGNAL,
    TOLD,
    decode_entries,
    decode_signal,
    encode_entries,
    encode_signal,
    split_batch,
)
from hubbub.kernel.log import Encoded
from hubbub.kernel.redis_address import Host, RedisAddress
from hubbub.kernel.redis_links import Links
from hubbub.kernel.redis_wire import Link, pack, slot_of

logger = logging.getLogger("hubbub.bus")

SUBSCRIBE_SECONDS = 1.0
CHANNELS_AT_ONCE = 1_000
UNSENT_BYTES = 8_000_000
"""What may wait for one Redis to take it; hints beyond that are dropped."""
UNSENT_SIGNAL_BYTES = 256_000


@dataclass(slots=True, eq=False)
class Hearing:
    """A subscribing connection: `fresh` until all that was wanted when it came up is confirmed."""

    link: Link
    fresh: bool = True
    unconfirmed: set[bytes] = field(default_factory=set)
    leaving: Counter[bytes] = field(default_factory=Counter)


class RedisBus(LocalBus):
    """Carries hints over the Redis at an address; `start` connects, and it comes back by itself for ever."""

    def __init__(self, address: RedisAddress) -> None:
        super().__init__()
        self.mode = {
            "single": "redis",
            "sentinel": "redis with sentinels",
            "cluster": "redis cluster",
        }[address.kind]
        self._address = address
        self._sharded = address.kind == "cluster"
        self._publish_word = b"SPUBLISH" if self._sharded else b"PUBLISH"
        self._node = secrets.token_bytes(NODE_BYTES)
        self._links = Links(address, self)
        self._hearings: dict[Host, Hearing] = {}
        # What is to be heard, by channel; where each was asked for; and what the next flush must look at.
        self._wanted: dict[bytes, str] = {}
        self._sent: dict[bytes, Host] = {}
        self._dirty: set[bytes] = set()
        self._waiters: dict[bytes, list[asyncio.Future[None]]] = {}
        self._turn: dict[str, list[Encoded]] = {}
        self._messages: list[tuple[bytes, bytes]] = []
        self._flush_due = False

    @property
    def state(self) -> State:
        return "ok" if self.healthy() else "degraded"

    @property
    def counters(self) -> Mapping[str, int]:
        return self._counters | {"reconnects": self._links.reconnects}

    def _channel(self, kind: str, name: str) -> bytes:
        return self._address.channel(f"{kind}:{name}").encode()

    # What the node does.

    async def subscribe(self, stream: str) -> None:
        await super().subscribe(stream)
        channel = self._channel("s", stream)
        self._want(channel, stream)
        host = self._links.host_of(channel)
        hearing = None if host is None else self._hearings.get(host)
        if hearing is None or (channel in self._sent and channel not in hearing.unconfirmed):
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(channel, []).append(confirmed)
        with suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await confirmed

    def unsubscribe(self, stream: str) -> None:
        super().unsubscribe(stream)
        channel = self._channel("s", stream)
        if self._wanted.pop(channel, None) is not None:
            self._dirty.add(channel)
            self._schedule()

    def publish(self, entries: Sequence[Encoded]) -> None:
        if self._links.publishers:
            for entry in entries:
                self._turn.setdefault(entry.stream, []).append(entry)
            self._schedule()
        else:
            self._counters["dropped"] += len(entries)
        super().publish(entries)

    def signal(self, signal: Signal) -> None:
        super().signal(signal)
        link = self._links.publisher_of(channel := self._channel("s", signal.stream))
        if link is None or link.unsent > UNSENT_SIGNAL_BYTES:
            self._counters["dropped"] += 1
            return
        self._messages.append((channel, encode_signal(self._node, signal)))
        self._schedule()

    def listen(self, topic: str, listener: Listener) -> None:
        super().listen(topic, listener)
        self._want(self._channel("t", topic), topic)

    def tell(self, topic: str, payload: bytes) -> None:
        channel = self._channel("t", topic)
        if self._links.publisher_of(channel) is None:
            self._counters["dropped"] += 1
            return
        self._messages.append((channel, b"".join((TOLD, self._node, payload))))
        self._schedule()

    def resubscribe(self) -> None:
        logger.warning("subscribing anew")
        for link in list(self._links.subscribers.values()):
            link.end()

    async def start(self) -> None:
        await self._links.start()

    async def close(self) -> None:
        """Sends what this loop turn published, then lets go of the connections."""
        await self._links.stop()
        self._flush()
        self._links.end()

    # Once per loop turn.

    def _schedule(self) -> None:
        if not self._flush_due and self._links.running:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Writes what this turn of the loop asked for: one write for each connection."""
        self._flush_due = False
        if self._dirty:
            self._flush_subscriptions()
        if not self._turn and not self._messages:
            return
        turn, self._turn = self._turn, {}
        messages, self._messages = self._messages, []
        frames: dict[Link, list[bytes]] = {}
        for stream, batch in turn.items():
            channel = self._channel("s", stream)
            link = self._links.publisher_of(channel)
            if link is None or link.unsent > UNSENT_BYTES:
                self._counters["dropped"] += len(batch)
                continue
            self._counters["published"] += len(batch)
            parts = frames.setdefault(link, [])
            for part in split_batch(batch):
                parts.append(pack(self._publish_word, channel, encode_entries(self._node, part)))
        for channel, message in messages:
            link = self._links.publisher_of(channel)
            if link is None or link.unsent > UNSENT_BYTES:
                self._counters["dropped"] += 1
                continue
            self._counters["published"] += 1
            frames.setdefault(link, []).append(pack(self._publish_word, channel, message))
        for link, parts in frames.items():
            link.write(b"".join(parts))

    # Subscriptions.

    def _want(self, channel: bytes, name: str) -> None:
        self._wanted[channel] = name
        self._dirty.add(channel)
        self._schedule()

    def _flush_subscriptions(self) -> None:
        """Asks for the channels that are wanted and not asked for, and gives up those no longer wanted."""
        dirty, self._dirty = self._dirty, set()
        add: dict[Hearing, list[bytes]] = {}
        remove: dict[Hearing, list[bytes]] = {}
        for channel in dirty:
            host = self._sent.get(channel)
            if channel in self._wanted:
                target = self._links.host_of(channel)
                # What has no connection now is asked for when there is one.
                if host is None and target is not None and target in self._hearings:
                    hearing = self._hearings[target]
                    self._sent[channel] = target
                    hearing.unconfirmed.add(channel)
                    add.setdefault(hearing, []).append(channel)
            elif host is not None:
                del self._sent[channel]
                hearing = self._hearings[host]
                hearing.unconfirmed.discard(channel)
                hearing.leaving[channel] += 1
                remove.setdefault(hearing, []).append(channel)
        for word, groups in ((b"UNSUBSCRIBE", remove), (b"SUBSCRIBE", add)):
            for hearing, channels in groups.items():
                hearing.link.write(b"".join(self._subscription_commands(word, channels)))

    def _subscription_commands(self, word: bytes, channels: list[bytes]) -> Iterable[bytes]:
        if not self._sharded:
            for start in range(0, len(channels), CHANNELS_AT_ONCE):
                yield pack(word, *channels[start : start + CHANNELS_AT_ONCE])
            return
        by_slot: dict[int, list[bytes]] = {}
        for channel in channels:
            by_slot.setdefault(slot_of(channel), []).append(channel)
        for group in by_slot.values():
            yield pack(b"S" + word, *group)

    def _confirm(self, hearing: Hearing, channel: bytes) -> None:
        hearing.unconfirmed.discard(channel)
        self._release(channel)
        if hearing.fresh and not hearing.unconfirmed:
            self._hear_again(hearing)

    def _hear_again(self, hearing: Hearing) -> None:
        hearing.fresh = False
        for receiver in self._receivers:
            receiver.receive_gap()

    def _release(self, channel: bytes) -> None:
        for waiter in self._waiters.pop(channel, ()):
            if not waiter.done():
                waiter.set_result(None)

    # What the connections tell (Owner).

    def healthy(self) -> bool:
        return self._links.complete and not any(h.fresh for h in self._hearings.values())

    def subscriber_up(self, link: Link) -> None:
        self._hearings[link.host] = hearing = Hearing(link)
        self._dirty |= self._wanted.keys() - self._sent.keys()
        self._flush_subscriptions()
        if not hearing.unconfirmed:
            self._hear_again(hearing)

    def subscriber_lost(self, link: Link) -> None:
        del self._hearings[link.host]
        for channel in [c for c, host in self._sent.items() if host == link.host]:
            del self._sent[channel]
            self._release(channel)

    def masters_moved(self) -> None:
        for channel, host in list(self._sent.items()):
            if self._links.host_of(channel) != host:
                del self._sent[channel]
                self._hearings[host].unconfirmed.discard(channel)
        self._dirty |= self._wanted.keys() - self._sent.keys()
        self._flush_subscriptions()
        for hearing in self._hearings.values():
            if hearing.unconfirmed:
                hearing.fresh = True
            elif hearing.fresh:
                self._hear_again(hearing)

    def heard(self, link: Link, reply: Any) -> None:
        if type(reply) is list:
            what, channel = reply[0], reply[1]
            if what in (b"message", b"smessage"):
                self._receive(channel, reply[2])
                return
            hearing = self._hearings.get(link.host)
            if hearing is None or hearing.link is not link:
                return
            if what in (b"subscribe", b"ssubscribe"):
                self._confirm(hearing, channel)
            elif what in (b"unsubscribe", b"sunsubscribe"):
                self._unsubscribed(hearing, channel)
        elif isinstance(reply, hiredis.ReplyError):
            self._refused(link, str(reply))

    def _receive(self, channel: bytes, message: bytes) -> None:
        name = self._wanted.get(channel)
        if name is None:
            return
        what = message[:1]
        if what == TOLD:
            self._counters["received"] += 1
            self._receive_told(name, message[BODY:])
            return
        if message[1:BODY] == self._node:
            return
        batch, signal = [], None
        try:
            if what == ENTRIES:
                batch = decode_entries(name, message)
            elif what == SIGNAL:
                signal = decode_signal(name, message)
            else:
                raise ValueError("unknown kind of message")
        except ValueError as error:
            self._counters["malformed"] += 1
            logger.debug("a message on %s was dropped: %s", name, error)
            return
        self._counters["received"] += len(batch) or 1
        if batch:
            self._receive_entries(name, batch)
        elif signal is not None:
            self._receive_signal(signal)

    def _unsubscribed(self, hearing: Hearing, channel: bytes) -> None:
        if hearing.leaving[channel] > 1:
            hearing.leaving[channel] -= 1
        elif hearing.leaving.pop(channel, 0):
            return
        elif self._sent.get(channel) == hearing.link.host:
            # The cluster has moved the slot away and ended the subscription by itself.
            del self._sent[channel]
            hearing.unconfirmed.discard(channel)
            hearing.fresh = True
            self._links.look_again()

    def _refused(self, link: Link, answer: str) -> None:
        """Redis answered an error: the channel lives elsewhere now, or this server takes nothing."""
        word = answer.partition(" ")[0]
        hearing = self._hearings.get(link.host)
        if hearing is None or hearing.link is not link:
            self._counters["dropped"] += 1
        elif word in ("MOVED", "CLUSTERDOWN"):
            # It does not say which of the channels.
            for channel in hearing.unconfirmed:
                del self._sent[channel]
            hearing.unconfirmed.clear()
            hearing.fresh = True
        if word in ("MOVED", "CLUSTERDOWN", "TRYAGAIN"):
            self._links.look_again()
        else:
            logger.error("Redis at %s:%d refuses: %s", *link.host, answer)
            link.end()
