"""What one client, one address and one node may ask for, and what they get beyond it."""

import asyncio
from typing import Any

import httpx2
import pytest

from hubbub.gateway import Gateway, Socket
from hubbub.gateway.frames import PING, TEXT
from hubbub.gateway.limits import ADDRESSES_KEPT, AddressLimits, EventBucket, network_of
from tests.gateway.support import (
    PATIENCE,
    Poller,
    RawSocket,
    Served,
    mask_frame,
    serving,
)

pytestmark = pytest.mark.anyio


# Buckets


def spend(bucket: EventBucket, begin: float, end: float, per_second: float) -> int:
    """How many packets a client gets through that sends steadily, and waits when it must."""
    now, left, taken = begin, 0, 0
    while now < end:
        if not left:
            left = bucket.grant(now)
            if not left:
                now += bucket.delay(now)
                continue
        left -= 1
        taken += 1
        now += 1 / per_second
    return taken


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    taken = spend(EventBucket(100, 200), 1000.0, 1060.0, per_second=100_000)
    assert 200 + 5_900 <= taken <= 400 + 6_000


def test_a_bucket_leaves_alone_who_keeps_to_the_rate() -> None:
    bucket = EventBucket(100, 200)
    assert spend(bucket, 0.0, 600.0, per_second=99) >= 59_399
    assert bucket.over_since is None


def test_a_bucket_knows_since_when_too_much_is_wanted() -> None:
    bucket = EventBucket(100, 200)
    spend(bucket, 1000.0, 1010.0, per_second=1_000)
    assert bucket.over_since is not None
    assert 1000.0 < bucket.over_since < 1001.0
    # A rest, and the next burst is a new one.
    spend(bucket, 1100.0, 1100.1, per_second=1_000)
    assert bucket.over_since is None


def test_a_bucket_of_less_than_one_a_second() -> None:
    assert spend(EventBucket(0.5, 1), 0.0, 100.0, per_second=1_000) in (50, 51)


def test_an_address_gets_a_burst_and_then_its_rate() -> None:
    limits = AddressLimits(most=0, rate=2.0, burst=5)
    assert [limits.wait("10.0.0.1", 100.0) for _ in range(5)] == [0.0] * 5
    assert limits.wait("10.0.0.1", 100.0) == pytest.approx(0.5)
    assert limits.wait("10.0.0.2", 100.0) == 0.0
    assert limits.wait("10.0.0.1", 100.5) == 0.0
    assert limits.wait("10.0.0.1", 100.5) > 0.0
    assert [limits.wait("10.0.0.1", 200.0) > 0 for _ in range(6)] == [False] * 5 + [True]


def test_addresses_are_forgotten_when_they_say_nothing_any_more() -> None:
    limits = AddressLimits(most=0, rate=1.0, burst=5)
    for number in range(1000):
        limits.wait(f"10.0.{number // 250}.{number % 250}", 1.0)
    assert len(limits) == 1000
    for number in range(1000):
        limits.wait(f"10.1.0.{number % 5}", 10.0 + number)
    assert len(limits) <= 6


def test_the_table_of_addresses_is_bounded() -> None:
    limits = AddressLimits(most=0, rate=1.0, burst=5)
    for number in range(ADDRESSES_KEPT + 1000):
        limits.wait(f"{number}", 1.0)
    assert len(limits) <= ADDRESSES_KEPT


def test_sessions_of_an_address_are_counted_down_to_nothing() -> None:
    limits = AddressLimits(most=2, rate=0, burst=0)
    limits.enter("a")
    assert not limits.full("a")
    limits.enter("a")
    assert limits.full("a")
    assert not limits.full("b")
    limits.leave("a")
    assert not limits.full("a")
    limits.leave("a")
    assert len(limits) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address: str, counted: str) -> None:
    assert network_of(address) == counted


# Events of one client


def counting(**options: Any) -> tuple[Gateway, list[Any], list[str]]:
    gateway = Gateway(**options)
    heard: list[Any] = []
    reasons: list[str] = []
    gateway.namespace().on("n")(lambda _socket, number: heard.append(number))
    gateway.namespace().on("echo")(lambda _socket, what: what)
    gateway.namespace().on_disconnect(lambda _socket, reason: reasons.append(reason))
    return gateway, heard, reasons


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_who_sends_too_fast_is_read_more_slowly_and_loses_nothing() -> None:
    gateway, heard, reasons = counting(max_events=500, event_burst=50, ping_interval=1.0)
    times: list[float] = []
    clock = asyncio.get_running_loop().time
    gateway.namespace().on("t")(lambda _socket, number: times.append(clock()))
    async with (
        serving(gateway) as served,
        await served.enter() as raw,
        await served.enter() as well,
    ):
        # One write, one read: without the limit, one turn of the event loop.
        raw.writer.write(mask_frame(TEXT, b'42["t",0]') * 500)
        well.send('421["echo","hello"]')
        assert await well.text() == '431["hello"]'
        await until(lambda: len(times) == 500)
        assert times[-1] - times[0] >= (500 - 2 * 50) / 500 - 0.05
        for number in range(200):
            raw.send(f'42["n",{number}]')
        raw.send('422["echo","still here"]')
        assert await raw.text() == '432["still here"]'
        assert heard == list(range(200))
        assert reasons == []
        assert gateway.stats().flood_closes == 0


async def test_who_sends_too_fast_for_long_is_closed() -> None:
    gateway, heard, reasons = counting(
        max_events=200, event_burst=20, event_patience=0.5, close_timeout=0.2
    )
    async with serving(gateway) as served, await served.enter() as raw:
        # Pings count as well.
        raw.writer.write(mask_frame(PING, b"") * 2000 + mask_frame(TEXT, b'42["n",1]'))
        assert await raw.close_code() == 1008
        assert await raw.ended()
        assert reasons == ["too many events"]
        assert heard == []
        assert gateway.stats().flood_closes == 1
        assert gateway.stats().sessions == 0


async def test_a_throttled_client_is_not_taken_for_dead() -> None:
    # It is held back for longer than it may answer no ping, which is as long as a busy machine takes to answer one.
    gateway, heard, reasons = counting(
        max_events=100, event_burst=10, ping_interval=0.1, ping_timeout=1.0
    )
    async with serving(gateway) as served, await served.enter() as raw:
        for number in range(300):
            raw.send(f'42["n",{number}]')

        async def answer_pings() -> None:
            while True:
                opcode, payload = await raw.frame()
                if (opcode, payload) == (TEXT, b"2"):
                    raw.send("3")

        answering = asyncio.create_task(answer_pings())
        await until(lambda: len(heard) == 300 or reasons)
        assert reasons == []
        answering.cancel()


async def test_a_throttled_client_may_go_and_may_be_sent_away() -> None:
    gateway, heard, reasons = counting(max_events=10, event_burst=5, close_timeout=0.2)
    async with serving(gateway) as served:
        async with await served.enter() as raw:
            raw.writer.write(mask_frame(TEXT, b'42["n",1]') * 30)
            await until(lambda: heard)
            (socket,) = gateway.namespace().sockets
            socket.disconnect(close=True)
            # It is still read from, so that its own close frame is seen.
            assert await raw.close_code() == 1000
            raw.send_frame(8, (1000).to_bytes(2, "big"))
            assert await raw.ended()
        async with await served.enter() as raw:
            raw.writer.write(mask_frame(TEXT, b'42["n",1]') * 30)
            await until(lambda: len(heard) > 9)
            raw.writer.transport.abort()
        await until(lambda: gateway.stats().sessions == 0)
        assert reasons[0] == "server namespace disconnect"
        assert len(reasons) == 2
        await until(lambda: len(gateway.engine.wheel) == 0)


async def test_handlers_and_events_are_limited_at_the_same_time() -> None:
    gateway = Gateway(max_events=300, event_burst=20, max_handlers=5)
    heard: list[int] = []
    running = most = 0

    @gateway.namespace().on("slow")
    async def slow(_socket: Socket, number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        heard.append(number)
        running -= 1

    async with serving(gateway) as served, await served.enter() as raw:
        for number in range(200):
            raw.send(f'42["slow",{number}]')
        await until(lambda: len(heard) == 200)
        assert sorted(heard) == list(range(200))
        assert most <= 5


async def test_no_limit_on_events() -> None:
    gateway, heard, _ = counting(max_events=0)
    async with serving(gateway) as served, await served.enter() as raw:
        raw.writer.write(mask_frame(TEXT, b'42["n",1]') * 10_000)
        await until(lambda: len(heard) == 10_000)


async def test_events_by_polling_are_limited_too() -> None:
    gateway, heard, reasons = counting(max_events=500, event_burst=20)
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, served.polling_url)
        await poller.open()
        await poller.post("40")
        await poller.post(*(f'42["n",{number}]' for number in range(300)))
        # The answer to the POST is what tells the client to go on.
        assert heard == list(range(300))
        assert reasons == []


async def test_too_much_polling_for_long_ends_the_session() -> None:
    gateway, heard, reasons = counting(max_events=100, event_burst=20, event_patience=0.3)
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, served.polling_url)
        await poller.open()
        await poller.post("40")
        answer = await http.post(poller.url, content="\x1e".join(['42["n",1]'] * 2000))
        assert answer.status_code == 429
        assert len(heard) < 200
        assert reasons == ["too many events"]
        assert gateway.stats().sessions == 0


async def test_a_flood_instead_of_an_upgrade() -> None:
    gateway = Gateway(max_events=1000, event_burst=50)
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, served.polling_url)
        await poller.open()
        raw = await served.connect(f"EIO=4&transport=websocket&sid={poller.sid}")
        raw.writer.write(mask_frame(PING, b"") * 200)
        assert await raw.close_code() == 1008
        raw.close()
        # The session did not need it.
        await poller.post("40")
        assert gateway.stats().sessions == 1


# Sessions of one address, and of the node


async def refused(served: Served, **headers: str) -> tuple[int, str | None]:
    async with await RawSocket.dial(served.port) as raw:
        status, answer = await raw.upgrade("/socket.io/?EIO=4&transport=websocket", **headers)
        return status, answer.get("retry-after")


def forwarded(peer: object, headers: Any) -> str:
    return str(headers.get("x-forwarded-for", "127.0.0.1"))


async def test_sessions_of_one_address() -> None:
    gateway = Gateway(max_sockets_per_address=2, retry_after=7, client_address=forwarded)
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        one = await served.connect()
        poller = Poller(http, served.polling_url)
        await poller.open()
        assert await refused(served) == (429, "7")
        answer = await http.get(served.polling_url, headers={"Origin": served.url})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        # A page can read why.
        assert answer.headers["access-control-allow-origin"] == served.url
        assert gateway.stats().refused == {"address_full": 2}
        assert gateway.stats().sessions == 2
        other = await served.connect(x_forwarded_for="192.0.2.1")
        # The one that is there may still change its transport.
        upgrade = await served.connect(f"EIO=4&transport=websocket&sid={poller.sid}")
        one.close()
        await until(lambda: gateway.stats().sessions == 2)
        (await served.connect()).close()
        await poller.post("1")
        other.close()
        upgrade.close()
        await until(lambda: gateway.stats().sessions == 0)
        assert len(gateway.engine.addresses) == 0


async def test_new_sessions_of_one_address() -> None:
    # One in a hundred seconds: no machine is so slow that there is another during the test.
    gateway = Gateway(max_connects_per_address=0.01, connect_burst=3, client_address=forwarded)
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        for _ in range(3):
            (await served.connect()).close()
        status, retry_after = await refused(served)
        assert status == 429
        assert 50 < int(retry_after or 0) <= 100
        answer = await http.get(served.polling_url)
        assert answer.status_code == 429
        assert 50 < int(answer.headers["retry-after"]) <= 100
        (await served.connect(x_forwarded_for="192.0.2.1")).close()
        assert gateway.stats().refused == {"address_rate": 2}
        assert gateway.stats().refused_connects == 2


async def test_refused_connects_have_their_reasons() -> None:
    gateway, _, _ = counting(max_sockets=1)
    async with serving(gateway) as served, await served.enter() as raw:
        assert (await refused(served))[0] == 503
        assert (await refused(served, origin="https://evil.example"))[0] == 403
        raw.send("40/nowhere,")
        assert (await raw.text()).startswith("44/nowhere,")
        await gateway.drain(timeout=0)
        assert (await refused(served))[0] == 503
        assert gateway.stats().refused == {"full": 1, "origin": 1, "namespace": 1, "draining": 1}
        assert gateway.stats().refused_connects == 4
