"""What can go wrong, as RFC 9457 problem documents."""

from typing import Any


class Problem(Exception):  # noqa: N818 - the field's word (RFC 9457)
    """An error the caller is told of: `status`, `title`, one sentence of `detail`, field `errors`."""

    type = "about:blank"
    status = 500
    title = "Internal error"
    expected = True
    """It is an answer, not a fault of ours: the gateway does not log it."""

    def __init__(
        self,
        detail: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.retry_after = retry_after
        self.request_id = ""

    def document(self, request_id: str = "") -> dict[str, Any]:
        """The problem document (RFC 9457, section 3), with `retry_after` in seconds where known."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id or self.request_id,
        }
        if self.errors is not None:
            document["errors"] = self.errors
        if self.retry_after is not None:
            document["retry_after"] = round(self.retry_after, 3)
        return document


class Malformed(Problem):
    status, title = 400, "Malformed request"


class Unauthenticated(Problem):
    status, title = 401, "Sign in first"


class Forbidden(Problem):
    status, title = 403, "Not allowed"


class NotFound(Problem):
    status, title = 404, "Not found"


class Conflict(Problem):
    status, title = 409, "Conflict"


class Gone(Problem):
    status, title = 410, "Gone"


class TooLarge(Problem):
    status, title = 413, "Too large"


class WrongType(Problem):
    status, title = 415, "Wrong type"


class Invalid(Problem):
    """Well-formed, but not acceptable; `errors` says which field and why."""

    status, title = 422, "Invalid input"

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        return cls(message, errors=[{"loc": ["body", name], "msg": message}])


class TooMany(Problem):
    status, title = 429, "Too many requests"


class Unavailable(Problem):
    status, title = 503, "Not available just now"
