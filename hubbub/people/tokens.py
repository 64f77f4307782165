"""Access tokens: JWT (RFC 7519) signed with HS256, 15 minutes; and opaque refresh tokens."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from hubbub.kernel.errors import Unauthenticated

ACCESS_SECONDS = 15 * 60
SMOKE_SECONDS = 60
ISSUER = "hubbub"
REMEMBERED = 20_000
"""Tokens whose signature was found good and need not be checked again."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says. `expires_at` in milliseconds since the epoch."""

    user: str
    session: str
    role: str
    expires_at: int


class Tokens:
    """Issues with the first secret and accepts those of all, so that secrets can be rotated."""

    def __init__(self, signing_secrets: Sequence[str]) -> None:
        self._keys = KeySet([make_key(secret) for secret in signing_secrets])
        self._first = self._keys.keys[0]
        # A signature stays good; what can change with time is asked on each use.
        self._verified = lru_cache(REMEMBERED)(self._verify)

    def issue(self, user: str, session: str, role: str, now: int) -> str:
        """An access token; `now` in milliseconds since the epoch."""
        claims = {
            "iss": ISSUER,
            "sub": user,
            "sid": session,
            "role": role,
            "typ": "access",
            "iat": now // 1000,
            "exp": now // 1000 + ACCESS_SECONDS,
        }
        return jwt.encode({"alg": "HS256", "kid": self._first.kid}, claims, self._first)

    def read(self, token: str, now: int) -> Claims:
        """The claims of a token that is ours, an access token, and not expired. Raises Unauthenticated."""
        claims = self._verified(token)
        if claims.expires_at <= now:
            raise Unauthenticated("The access token has expired.")
        return claims

    def issue_smoke(self, channel: str, now: int) -> str:
        """A token that opens nothing but a smoke test's channel (hubbub/realtime/smoke.py); `now` in milliseconds."""
        claims = {
            "iss": ISSUER,
            "sub": channel,
            "typ": "smoke",
            "iat": now // 1000,
            "exp": now // 1000 + SMOKE_SECONDS,
        }
        return jwt.encode({"alg": "HS256", "kid": self._first.kid}, claims, self._first)

    def read_smoke(self, token: str, now: int) -> tuple[str, int]:
        """The channel of such a token, and when it ends (milliseconds). Raises Unauthenticated."""
        try:
            claims = jwt.decode(token, self._keys, algorithms=["HS256"]).claims
            good = claims["typ"] == "smoke" and claims["iss"] == ISSUER
            channel, expires_at = str(claims["sub"]), int(claims["exp"]) * 1000
        except (JoseError, KeyError, ValueError, TypeError):
            good = False
        if not good or not now < expires_at <= now + 2 * SMOKE_SECONDS * 1000:
            raise Unauthenticated("The smoke test's token is not valid.")
        return channel, expires_at

    def _verify(self, token: str) -> Claims:
        """What never changes about a token: its signature and its claims. Raises Unauthenticated."""
        try:
            claims = jwt.decode(token, self._keys, algorithms=["HS256"]).claims
            if claims["typ"] != "access" or claims["iss"] != ISSUER:
                raise Unauthenticated("This is no access token.")
            expires_at = int(claims["exp"]) * 1000
            return Claims(str(claims["sub"]), str(claims["sid"]), str(claims["role"]), expires_at)
        except (JoseError, KeyError, ValueError, TypeError):
            raise Unauthenticated("The access token is not valid.") from None


def make_key(secret: str) -> OctKey:
    kid = hashlib.sha256(b"hubbub kid\0" + secret.encode()).hexdigest()[:12]
    return OctKey.import_key(secret.encode(), {"kid": kid, "use": "sig", "alg": "HS256"})


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def next_refresh_token(secret: str, token: str) -> str:
    """What `token` is exchanged for: always the same, so that asking twice gives one answer.

    Unguessable to whoever lacks the signing secret, however many tokens they have seen.
    """
    digest = hmac.digest(secret.encode(), b"hubbub refresh\0" + token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    """How a refresh token is kept: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
