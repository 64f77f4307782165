"""`hubbub smoke`: tries workers as their clients would, before these do. Leaves nothing behind in the workspace."""

import asyncio
import contextlib
import os
import re
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hubbub.cli.options import DATA_DIR
from hubbub.settings import Settings, load_secrets, load_settings

if TYPE_CHECKING:
    import httpx2
    import socketio

NEW = "FLEET_NEW"
OLD = "FLEET_OLD"
GIVEN = "FLEET_SMOKE_SECONDS"
SECONDS = 20.0
SHARE_OF_GIVEN = 2 / 3
"""So that there is time to say what was under way before a supervisor ends it."""
STEP_SECONDS = 5.0
"""For one check of one worker, at least."""
SHARE_OF_STEP = 1 / 4
"""Of all the time, where that is more."""
TALK = 0.8
"""Of one check's time: for the words that are said, so that there is some left to say what was not heard."""
AGAIN_SECONDS = 0.5
"""Words that were not heard are said anew after this time: a subscription may just be on its way."""
GOODBYE_SECONDS = 1.0
TRANSPORTS = ("websocket", "polling")
SCRIPT = re.compile(r"""(?:src|href)="(/[^"]+\.js)\"""")
LONGEST_ANSWER = 200
IN_PROCESS = "in-process"
"""How /health calls a bus that no other process hears."""


@click.command()
@click.argument("urls", nargs=-1)
@click.option("--old", multiple=True, metavar="URL", help=f"A worker that served before ({OLD}).")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    help=f"Seconds after which it fails: two thirds of {GIVEN}, else {SECONDS:g}.",
)
@DATA_DIR
def smoke(
    urls: tuple[str, ...], old: tuple[str, ...], timeout: float | None, data_dir: Path | None
) -> None:
    """Try workers: health, page, API, sockets, and words from each of them to all others.

    URLS are the workers to try; else those in FLEET_NEW, else the one these settings describe. JWT_SECRET or DATA_DIR
    must be theirs. Exits with 1 and a sentence for each check that failed.
    """
    seconds = timeout or given_seconds()
    deadline = time.monotonic() + seconds
    settings = load_settings(data_dir=data_dir)
    tried = urls or tuple(os.environ.get(NEW, "").split()) or (own_url(settings),)
    before = old or tuple(os.environ.get(OLD, "").split())
    step = max(STEP_SECONDS, seconds * SHARE_OF_STEP)
    test = SmokeTest(settings, tried, before, step)
    asyncio.run(conduct(test, deadline, seconds))


def given_seconds() -> float:
    """How long a supervisor lets it take, less what it needs to say why it failed. Raises click.UsageError."""
    given = os.environ.get(GIVEN)
    try:
        return float(given) * SHARE_OF_GIVEN if given else SECONDS
    except ValueError:
        raise click.UsageError(f"{GIVEN} is {given!r}, not a number of seconds.") from None


def own_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared only
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


async def conduct(test: "SmokeTest", deadline: float, timeout: float) -> None:  # noqa: ASYNC109
    """Runs the test and says what came of it; ends the process when it failed."""
    task = asyncio.create_task(test.run())
    done, _ = await asyncio.wait([task], timeout=max(0.0, deadline - time.monotonic()))
    if done:
        task.result()
    else:
        under_way = ", ".join(sorted(test.under_way)) or "the beginning"
        test.failures.append(f"Not done after {timeout:g} s. Under way: {under_way}.")
    for note in test.notes:
        click.echo(note)
    if not test.failures:
        click.echo(f"Good: {', '.join(test.new)}.")
        return
    for failure in test.failures:
        click.secho(failure, fg="red", err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a library that does not let go of its connection would keep us longer than was allowed.
    os._exit(1)


class CheckError(Exception):
    """A check did not pass; the message is a sentence without the worker's URL."""


@dataclass(eq=False)
class Voice:
    """A socket on a worker, on the channel all of them share."""

    url: str
    transport: str
    socket: "socketio.AsyncClient"
    heard: set[str] = field(default_factory=set)

    @property
    def word(self) -> str:
        """Its own."""
        return f"{self.url} by {self.transport}"[-100:]


class SmokeTest:
    """Tries `new` workers, and with them `old` ones; one check of one worker may take `step` seconds."""

    def __init__(
        self, settings: Settings, new: Iterable[str], old: Iterable[str], step: float
    ) -> None:
        from hubbub.people.tokens import Tokens

        self.new = [url.rstrip("/") for url in new]
        self.old = [url.rstrip("/") for url in old]
        self.failures: list[str] = []
        self.notes: list[str] = []
        self.under_way: set[str] = set()
        self._token = Tokens(load_secrets(settings)).issue_smoke(
            secrets.token_urlsafe(12), int(time.time() * 1000)
        )
        self._step = step
        self._voices: list[Voice] = []
        self._all_heard = asyncio.Event()
        self._apart = False

    async def run(self) -> None:
        """Fills `failures` and `notes`."""
        import httpx2

        # Straight to the workers, whatever proxy the environment names.
        async with httpx2.AsyncClient(timeout=self._step, trust_env=False) as http:
            checks: list[tuple[str, Callable[..., Awaitable[None]]]] = [
                ("health", self._try_health),
                ("page", self._try_page),
                ("API", self._try_api),
            ]
            await asyncio.gather(
                *(
                    self._check(f"{url}: {name}", check, http, url)
                    for url in self.new
                    for name, check in checks
                ),
                *(
                    self._check(f"{url}: socket by {transport}", self._connect, url, transport)
                    for url in self.new
                    for transport in TRANSPORTS
                ),
            )
        if not self.failures:
            await self._try_words()
        leaving = [asyncio.create_task(voice.socket.disconnect()) for voice in self._voices]
        if leaving:
            await asyncio.wait(leaving, timeout=GOODBYE_SECONDS)

    async def _check(
        self, name: str, check: Callable[..., Awaitable[None]], *arguments: Any
    ) -> None:
        """Runs one check; what it raises becomes a failure."""
        self.under_way.add(name)
        try:
            async with asyncio.timeout(self._step):
                await check(*arguments)
        except CheckError as failed:
            self.failures.append(f"{name}: {failed}")
        except TimeoutError:
            self.failures.append(f"{name}: no answer within {self._step:g} s.")
        except Exception as error:
            # The libraries below raise many things for a worker that does not speak as it should.
            self.failures.append(f"{name}: {error or type(error).__name__}.".replace("..", "."))
        finally:
            self.under_way.discard(name)

    async def _try_health(self, http: "httpx2.AsyncClient", url: str) -> None:
        from hubbub.migrate import newest_version

        response = await http.get(f"{url}/readyz")
        try:
            health: Mapping[str, Any] = response.json()
        except ValueError:
            raise CheckError(f"/readyz answers {summary(response)}") from None
        checks = health.get("checks", {})
        bad = [f"{name} is {state}" for name, state in checks.items() if state != "ok"]
        if response.status_code != 200:
            raise CheckError(f"not ready, {health.get('status')}: {', '.join(bad) or 'no reason'}.")
        for name in ("database", "bus"):
            if checks.get(name) != "ok":
                raise CheckError(f"the {name} is {checks.get(name, 'not checked')}.")
        # The others make it slower, but lose nothing: they must not keep a repair from being rolled out.
        self.notes += [f"{url}: {sentence}." for sentence in bad]
        if health.get("schema") != newest_version():
            raise CheckError(
                f"the database has schema {health.get('schema')}, this release needs {newest_version()}."
            )
        if health.get("bus") == IN_PROCESS:
            self._apart = True

    async def _try_page(self, http: "httpx2.AsyncClient", url: str) -> None:
        page = await http.get(f"{url}/", headers={"Accept": "text/html"})
        if page.status_code != 200:
            raise CheckError(f"/ answers {summary(page)}")
        scripts = SCRIPT.findall(page.text)
        if not scripts:
            raise CheckError("the browser client is not in it: no script.")
        script = await http.get(f"{url}{scripts[-1]}")
        kind = script.headers.get("content-type", "")
        if script.status_code != 200 or "javascript" not in kind or not script.content:
            raise CheckError(f"{scripts[-1]} answers {script.status_code} {kind}.")

    async def _try_api(self, http: "httpx2.AsyncClient", url: str) -> None:
        response = await http.get(f"{url}/api/setup")
        # Those without a session share a limit for each address, ours too; at it, the API answers nevertheless.
        if response.status_code == 429:
            return
        if response.status_code != 200 or "version" not in response.json():
            raise CheckError(f"/api/setup answers {summary(response)}")

    async def _connect(self, url: str, transport: str) -> None:
        import socketio

        from hubbub.realtime.smoke import NAMESPACE

        client = socketio.AsyncClient(reconnection=False, logger=False, engineio_logger=False)
        voice = Voice(url, transport, client)
        refused: list[Any] = []

        def hear(word: str) -> None:
            voice.heard.add(word)
            if not any(self._unheard()):
                self._all_heard.set()

        client.on("said", hear, namespace=NAMESPACE)
        client.on("connect_error", refused.append, namespace=NAMESPACE)
        try:
            await client.connect(
                url,
                auth={"token": self._token},
                transports=[transport],
                namespaces=[NAMESPACE],
                wait_timeout=self._step,
            )
        except socketio.exceptions.ConnectionError as error:
            raise CheckError(f"{explain(refused) or error}.") from None
        self._voices.append(voice)

    # Words

    async def _try_words(self) -> None:
        """Every worker says a word, and every other one, new or old, must hear it."""
        if self._apart:
            others = len(self.new) + len(self.old) > 1
            self.notes += ["Without Redis workers do not hear each other: not tried."] * others
        else:
            await asyncio.gather(*(self._join_old(url) for url in self.old))
        await self._check("words between workers", self._talk)

    async def _join_old(self, url: str) -> None:
        """An old worker that cannot take part, because it is older than this test or broken, is no fault of the new."""
        before = len(self.failures)
        await self._check(url, self._connect, url, "websocket")
        self.notes += [f"The old worker was not tried. {why}" for why in self.failures[before:]]
        del self.failures[before:]

    async def _talk(self) -> None:
        from hubbub.realtime.smoke import NAMESPACE, WORDS

        async def say(voice: Voice) -> None:
            answer = await voice.socket.call(
                "say", voice.word, namespace=NAMESPACE, timeout=self._step
            )
            if not answer.get("ok"):
                raise CheckError(f"{voice.word} may not speak: {answer.get('error')}")

        deadline = time.monotonic() + self._step * TALK
        # A worker lets nobody say more words than that.
        again = max(AGAIN_SECONDS, self._step * TALK / (WORDS - 2))
        while unheard := sorted(set(self._unheard())):
            if time.monotonic() > deadline:
                raise CheckError("; ".join(unheard) + ".")
            await asyncio.gather(*(say(voice) for voice in self._voices))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._all_heard.wait()

    def _unheard(self) -> Iterable[str]:
        """One sentence for each worker that did not hear another; old ones among themselves do not matter."""
        for speaker in self._voices:
            for listener in self._voices:
                if speaker.url not in self.new and listener.url not in self.new:
                    continue
                if self._apart and speaker.url != listener.url:
                    continue
                if speaker.word not in listener.heard:
                    yield f"{listener.url} did not hear {speaker.url}"


def explain(refused: list[Any]) -> str:
    """What the server said when it refused a socket."""
    for data in refused:
        if isinstance(data, dict) and data.get("message"):
            return f"refused: {data['message'].rstrip('.')}"
    return ""


def summary(response: "httpx2.Response") -> str:
    """Status and the beginning of an answer."""
    text = " ".join(response.text.split())[:LONGEST_ANSWER]
    return f"{response.status_code}: {text or 'nothing'}"
