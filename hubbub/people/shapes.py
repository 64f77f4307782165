"""People as the contract shows them (web/src/core/wire.ts)."""

from typing import Any

from hubbub.kernel.clock import format_time


def user_shape(row: Any, *, email: bool = False) -> dict[str, Any]:
    """A person; the address only where `email` says so (oneself, owners and admins)."""
    shape: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "title": row.title,
        "active": row.active,
        "created_at": format_time(row.created_at),
    }
    if email:
        shape["email"] = row.email
    return shape


def workspace_shape(row: Any) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "sample": row.sample}


def session_shape(row: Any, current: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "current": row.id == current,
        "user_agent": row.user_agent,
        "address": row.address,
        "created_at": format_time(row.created_at),
        "last_used_at": format_time(row.last_used_at),
    }
