"""Makes the publisher of one process from its settings."""

import os

from hubbub.kernel import log
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.publisher import cursors
from hubbub.kernel.publisher.publisher import Publisher
from hubbub.kernel.publisher.targets import make_target, parse_relay_url


def make_publisher(kernel: Kernel, node: str) -> Publisher:
    """A publisher to RELAY_URL that hears of this process's commits. Raises SettingsError."""
    settings = kernel.settings
    address = parse_relay_url(settings.relay_url)
    publisher = Publisher(
        kernel.database,
        kernel.clock,
        make_target(address, settings.log_retention_days),
        address.target,
        address.kinds,
        # The random part tells it from an earlier process with the same pid.
        f"{node[:120]}/{os.getpid()}/{new_id()}",
    )
    kernel.on_append = publisher.wake
    kernel.log_reader = lambda before: log.Reader(
        cursors.unpublished(address.target, address.kinds), before
    )
    return publisher
