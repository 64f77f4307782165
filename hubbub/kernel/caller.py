"""Who makes a call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts, through which session, from where.

    `id` is empty for somebody not signed in. `role` means something to the features, not to the kernel.
    """

    id: str
    role: str = ""
    session: str = ""
    address: str = ""

    @property
    def anonymous(self) -> bool:
        return not self.id


SYSTEM = Caller("system", "system")
