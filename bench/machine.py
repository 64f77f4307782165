"""What kind of machine this is, for the pages with results."""

import os
import platform
from pathlib import Path


def machine_name() -> str:
    """The kind of machine: processor, cores, memory, kernel."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    kind = "virtual machine" if virtual else "machine"
    return (
        f"A {kind} with {os.cpu_count()} cores of {models[0] if models else platform.machine()}, "
        f"{memory:.0f} GB of memory, Linux {'.'.join(platform.release().split('.')[:2])}"
    )
