"""Requests of long-polling that a balancer sends again because the connection broke on which it had sent them."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import pytest

from hubbub.gateway.polling import KEPT_ANSWER
from tests.gateway.support import PATIENCE, Poller, Served
from tests.gateway.test_polling import counting_gateway, enter, polling, until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def entered() -> AsyncIterator[tuple[Served, Poller, httpx2.AsyncClient]]:
    """A session that has entered its namespace, and other connections to the same server."""
    async with (
        polling(counting_gateway(max_payload=1_000_000)) as (served, poller),
        # None is kept: each request comes from another port.
        httpx2.AsyncClient(timeout=PATIENCE, headers={"Connection": "close"}) as others,
    ):
        await enter(poller)
        yield served, poller, others


def send_and_reset(url: str, method: str = "GET", body: bytes = b"") -> None:
    """Sends a request whole and resets its connection before there can be an answer."""
    parts = urlsplit(url)
    assert parts.hostname
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=PATIENCE) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        head = f"{method} {parts.path}?{parts.query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        sender.sendall(head.encode() + body)


def with_mark(poller: Poller, mark: str) -> str:
    return f"{poller.url}&t={mark}"


async def test_an_answer_lost_with_its_connection_is_given_again() -> None:
    async with entered() as (served, poller, others):
        (session,) = served.gateway.engine.sessions.values()
        for number in range(20):
            await poller.post(f'42["echo",{number}]')
            await until(lambda: session.has_backlog)
            url = with_mark(poller, f"x{number}")
            send_and_reset(url)
            await until(lambda: not session.has_backlog)
            assert (await others.get(url)).text == f'42["echo",{number}]'
        assert not session.closed


async def test_what_comes_after_a_lost_answer_follows_it() -> None:
    async with entered() as (_, poller, others):
        await poller.post('42["echo",1]')
        assert (await others.get(with_mark(poller, "a"))).text == '42["echo",1]'
        await poller.post('42["echo",2]')
        assert (await others.get(with_mark(poller, "a"))).text == '42["echo",1]'
        assert (await others.get(with_mark(poller, "b"))).text == '42["echo",2]'


async def test_an_answer_too_long_to_be_kept_ends_the_session() -> None:
    async with entered() as (served, poller, others):
        await poller.post(f'42["echo","{"x" * KEPT_ANSWER}"]')
        url = with_mark(poller, "a")
        assert len((await others.get(url)).content) > KEPT_ANSWER
        assert (await others.get(url)).status_code == 400
        assert served.gateway.stats().sessions == 0


async def test_a_waiting_poll_that_comes_again_waits_on_its_new_connection() -> None:
    async with entered() as (served, poller, others):
        (session,) = served.gateway.engine.sessions.values()
        assert session.polling is not None
        url = with_mark(poller, "a")
        first = asyncio.create_task(others.get(url))
        await until(lambda: session.polling and session.polling.waiter)
        second = asyncio.create_task(others.get(url))
        assert (await first).status_code == 400
        await poller.post('42["echo",1]')
        assert (await second).text == '42["echo",1]'


async def test_a_post_that_comes_again_is_taken_in_once() -> None:
    async with entered() as (served, poller, others):
        (session,) = served.gateway.engine.sessions.values()
        url = with_mark(poller, "a")
        send_and_reset(url, "POST", b'42["echo",1]')
        await until(lambda: session.has_backlog)
        assert (await others.post(url, content=b'42["echo",1]')).text == "ok"
        assert (await others.post(with_mark(poller, "b"), content=b'42["echo",2]')).text == "ok"
        assert await poller.poll() == ['42["echo",1]', '42["echo",2]']


async def test_a_client_whose_requests_are_all_alike_is_served() -> None:
    """On one connection nothing is a repetition, whatever its `t`."""
    async with entered() as (_, poller, _others):
        url = with_mark(poller, "same")
        for number in range(3):
            body = f'42["echo",{number}]'
            assert (await poller.http.post(url, content=body.encode())).text == "ok"
            assert (await poller.http.get(url)).text == body
