"""A second factor: time-based one-time passwords (RFC 6238)."""

import pyotp
from sqlalchemy import select, update

from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import command
from hubbub.kernel.errors import Conflict, Invalid
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users

STEP_MS = 30_000
WINDOW = 1
"""Steps a clock may be off, either way."""


def matching_step(secret: str, code: str, now: int) -> int | None:
    """The time step the code belongs to, or None; compared in constant time."""
    totp = pyotp.TOTP(secret)
    here = now // STEP_MS
    for step in range(here - WINDOW, here + WINDOW + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None


@command("totp.start", seal=True)
def start_totp(tx: Transaction, caller: Caller) -> dict[str, str]:
    """A new secret, in force once a code of it is confirmed."""
    row = tx.connection.execute(select(users).where(users.c.id == caller.id)).one()
    if row.email is None:
        raise Conflict("A guest has no account to protect.")
    if row.totp_confirmed:
        raise Conflict("A second factor is on already. Turn it off first.")
    secret = pyotp.random_base32()
    tx.connection.execute(update(users).where(users.c.id == caller.id).values(totp_secret=secret))
    uri = pyotp.TOTP(secret).provisioning_uri(name=row.email, issuer_name="Hubbub")
    return {"secret": secret, "uri": uri}


@command("totp.confirm")
def confirm_totp(tx: Transaction, caller: Caller, *, code: str) -> None:
    row = tx.connection.execute(select(users).where(users.c.id == caller.id)).one()
    if row.totp_secret is None or row.totp_confirmed:
        raise Conflict("Start with a new secret first.")
    step = matching_step(row.totp_secret, code, tx.now)
    if step is None:
        raise Invalid.field("code", "This is not the code of this moment.")
    tx.connection.execute(
        update(users).where(users.c.id == caller.id).values(totp_confirmed=True, totp_step=step)
    )


@command("totp.stop")
def stop_totp(tx: Transaction, caller: Caller) -> None:
    tx.connection.execute(
        update(users).where(users.c.id == caller.id).values(totp_secret=None, totp_confirmed=False)
    )


@command("totp.spend", audited=False)
def spend_code(tx: Transaction, _caller: Caller, *, user: str, code: str) -> dict[str, bool]:
    """Whether the code is right and was not used before; it cannot be used again."""
    row = tx.connection.execute(select(users).where(users.c.id == user).with_for_update()).one()
    step = matching_step(row.totp_secret, code, tx.now) if row.totp_secret else None
    if step is None or step <= row.totp_step:
        return {"right": False}
    tx.connection.execute(update(users).where(users.c.id == user).values(totp_step=step))
    return {"right": True}
