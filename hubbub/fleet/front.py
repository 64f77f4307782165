"""Who serves, as the proxy is told."""

import asyncio
import contextlib
import logging

from hubbub.fleet.errors import FleetError
from hubbub.fleet.proxy import Backend, Proxy, ProxyError
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.state import State

logger = logging.getLogger("fleet")

PROXY = "proxy"
SHOW_SECONDS = 5.0


class Front(State):
    """The part of a supervisor that knows the proxy."""

    def __init__(self, settings: FleetSettings) -> None:
        super().__init__(settings)
        self.proxy: Proxy | None = None
        self.in_rotation: set[str] = set()
        """Names of workers of the other colour that serve clients too (a canary)."""
        self.suspects: set[str] = set()
        """Workers that do not show that they live; they get no new clients meanwhile."""
        self._showing = asyncio.Lock()
        self._shown = False
        """Whether the proxy has been told what is so now."""

    def backends(self) -> list[Backend]:
        """Who serves: ready workers of table.colour and those in `in_rotation`, but none that hangs.

        All others that live keep the sessions they have, and get no new ones.
        """
        serving = [
            process
            for process in self.table.processes
            if process.kind == "worker"
            and process.state == "ready"
            and (process.colour == self.table.colour or process.name in self.in_rotation)
        ]
        well = [process for process in serving if process.name not in self.suspects]
        # All of them late at once is the machine's fault, and no reason to serve nobody.
        others = [
            process
            for process in self.table.processes
            if process.kind == "worker"
            and process.pid
            and process.state in ("ready", "draining", "warm")
            and process not in serving
        ]
        return [
            *(Backend(process.name, process.port) for process in well or serving),
            *(Backend(process.name, process.port, "drain") for process in others),
        ]

    @property
    def is_proxy_ready(self) -> bool:
        return any(one.kind == "proxy" and one.state == "ready" for one in self.table.processes)

    async def show(self) -> None:
        """Tells the proxy who serves: ready workers of table.colour and those in `in_rotation`.

        Raises FleetError, and an alarm; it is tried again at the next tick.
        """
        self._shown = False
        async with self._showing:
            # Whoever waited here may find that another has told all there is to tell.
            if self.proxy is None or self._shown:
                return
            if not self.is_proxy_ready:
                return
            self._shown = True
            try:
                async with asyncio.timeout(SHOW_SECONDS):
                    await self.proxy.show(self.backends())
            except (ProxyError, OSError) as error:
                self._shown = False
                text = f"The proxy does not take the workers: {error or 'no answer'}"
                self.raise_alarm("proxy", PROXY, text)
                raise FleetError(text) from None
            self.clear_alarm("proxy", PROXY)

    async def reload_proxy(self) -> None:
        """Writes its configuration anew and has it taken over, without ending a socket. Raises FleetError."""
        if self.proxy is None:
            raise FleetError("There is no proxy (FLEET_PROXY_DRIVER).")
        async with self._showing:
            try:
                self.proxy.prepare(self.backends())
                await self.proxy.reload()
            except (ProxyError, OSError) as error:
                raise FleetError(f"The proxy goes on as it was: {error}") from None
        await self.show()

    async def renew_certificate(self) -> None:
        """Takes over a certificate whose file has changed; an alarm where that fails."""
        if self.proxy is None or not self.is_proxy_ready:
            return
        try:
            async with asyncio.timeout(SHOW_SECONDS):
                if await self.proxy.renew():
                    logger.info("the proxy has a new certificate")
        except (ProxyError, OSError) as error:
            self.raise_alarm("certificate", PROXY, f"The new certificate is not in use: {error}")
        else:
            self.clear_alarm("certificate", PROXY)

    def show_soon(self) -> None:
        """`show`, without waiting for it."""
        self._shown = False
        self.spawn(self.try_to_show())

    async def try_to_show(self) -> None:
        """`show`, where a failure is an alarm and no more."""
        with contextlib.suppress(FleetError):
            await self.show()

    def show_again(self) -> None:
        """After a `show` that failed."""
        if self.proxy is not None and not self._shown and not self._showing.locked():
            self.spawn(self.try_to_show())
