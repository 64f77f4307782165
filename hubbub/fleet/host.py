"""What the machine has and uses, from /proc. Standard library only; zeros where there is no /proc."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Of the line `cpu` in /proc/stat, proc(5)."""
IDLE = ("idle", "iowait")
FRESH_SECONDS = 0.5
"""Shares and rates over less than that would jump."""
MOST_INTERFACES = 20
VIRTUAL = ("lo", "veth", "docker", "br-", "virbr", "tap", "cali", "flannel", "cni")
"""Their bytes are counted once more at the interface they leave by."""


class Host:
    """`figures` gives shares and rates since it was last asked (of one CPU-second and more)."""

    def __init__(self, proc: Path = PROC, disk: Path = Path("/")) -> None:
        self._proc = proc
        self._disk = disk
        self._at = time.monotonic()
        self._cpu = self.cpu_seconds()
        self._network = self._network_sum()
        self._shown: dict[str, float] = {"cpu": 0.0, "network_in": 0.0, "network_out": 0.0}

    def figures(self) -> dict[str, float]:
        """CPU as a share of all cores, bytes of memory and disk, bytes a second of the network, load."""
        now = time.monotonic()
        passed = now - self._at
        if passed >= FRESH_SECONDS:
            cpu, network = self.cpu_seconds(), self._network_sum()
            total = sum(cpu.values()) - sum(self._cpu.values())
            idle = sum(cpu[mode] - self._cpu[mode] for mode in IDLE)
            self._shown = {
                "cpu": round(min(1.0, max(0.0, 1 - idle / total)), 4) if total > 0 else 0.0,
                "network_in": round(max(0.0, network[0] - self._network[0]) / passed, 1),
                "network_out": round(max(0.0, network[1] - self._network[1]) / passed, 1),
            }
            self._at, self._cpu, self._network = now, cpu, network
        total_memory, available = self.memory()
        disk_total, disk_free = self.disk()
        return {
            **self._shown,
            "memory_used": total_memory - available,
            "memory_total": total_memory,
            "disk_used": disk_total - disk_free,
            "disk_total": disk_total,
            "load": self.load(),
        }

    def cpu_seconds(self) -> dict[str, float]:
        """Since boot, of all cores together, by what it was spent on."""
        ticks = os.sysconf("SC_CLK_TCK")
        words = self._read("stat").partition("\n")[0].split()[1:]
        return {
            mode: int(word) / ticks
            for mode, word in zip(MODES, words or ["0"] * len(MODES), strict=False)
        }

    def memory(self) -> tuple[int, int]:
        """Bytes: all there is, and what could be had without swapping."""
        found = {"MemTotal": 0, "MemAvailable": 0}
        for line in self._read("meminfo").splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0]) * 1024
        return found["MemTotal"], found["MemAvailable"]

    def disk(self) -> tuple[int, int]:
        """Bytes of the file system that holds our state: what anyone may use, and what is free of it."""
        try:
            found = os.statvfs(self._disk)
        except OSError:
            return 0, 0
        used = found.f_blocks - found.f_bfree
        return (used + found.f_bavail) * found.f_frsize, found.f_bavail * found.f_frsize

    def network(self) -> dict[str, tuple[int, int]]:
        """Bytes in and out since boot, of each interface to the world."""
        return dict(list(self._interfaces())[:MOST_INTERFACES])

    def load(self) -> float:
        """Of the last minute."""
        with suppress(OSError):
            return round(os.getloadavg()[0], 2)
        return 0.0

    def _network_sum(self) -> tuple[int, int]:
        both = self.network().values()
        return sum(one[0] for one in both), sum(one[1] for one in both)

    def _interfaces(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for line in self._read("net/dev").splitlines()[2:]:
            name, _, rest = line.strip().partition(":")
            words = rest.split()
            if len(words) >= 9 and not name.startswith(VIRTUAL):
                yield name, (int(words[0]), int(words[8]))

    def _read(self, name: str) -> str:
        try:
            return (self._proc / name).read_text()
        except OSError:
            return ""


def metrics_of(host: Host) -> Iterator[tuple[str, str, str, Mapping[str, str], float]]:
    """Name, kind, help, labels and value of each sample, in the order of the families."""
    for mode, seconds in host.cpu_seconds().items():
        text = "CPU time of all cores together"
        yield "host_cpu_seconds_total", "counter", text, {"mode": mode}, seconds
    yield "host_cpu_cores", "gauge", "Cores", {}, float(os.cpu_count() or 1)
    yield "host_load1", "gauge", "Load of the last minute", {}, host.load()
    total, available = host.memory()
    yield "host_memory_total_bytes", "gauge", "Memory", {}, total
    yield "host_memory_available_bytes", "gauge", "Memory to be had", {}, available
    size, free = host.disk()
    yield "host_disk_total_bytes", "gauge", "Size of the file system of the fleet", {}, size
    yield "host_disk_free_bytes", "gauge", "What may still be written there", {}, free
    interfaces = host.network()
    for index, name in enumerate(("receive", "transmit")):
        for interface, both in interfaces.items():
            text = "Bytes " + ("received" if index == 0 else "sent")
            labels = {"interface": interface}
            yield f"host_network_{name}_bytes_total", "counter", text, labels, both[index]
