"""A real Hubbub in a process of its own, to be killed and started again."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

import httpx2

from tests.servers import free_port
from tests.support.warm import Process, start_module

START_SECONDS = 120.0


class ServerProcess:
    """`hubbub serve` on a port that stays the same over restarts."""

    def __init__(self, data_dir: Path, database_url: str = "", **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.starts = 0
        self._log: IO[bytes] = (data_dir.parent / f"{data_dir.name}.log").open("ab")
        self._process: Process | None = None
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HUBBUB_", "DATABASE_"))},
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "RATE_LIMITS": "false",
            **environment,
        }

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it and returns when it is ready. Raises RuntimeError with its log when it is not."""
        self.starts += 1
        self._process = start_module(
            "hubbub",
            "serve",
            env=self._environment,
            cwd=self.data_dir.parent,
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.02)
        self._log.flush()
        raise RuntimeError("hubbub did not start:\n" + Path(self._log.name).read_text()[-4000:])

    def kill(self) -> None:
        """`kill -9`, and waits until the process is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.wait()

    def close(self) -> None:
        if self._process is not None:
            self.stop()
        self._log.close()

    def log_text(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text()
