"""Encrypts the few answers with secrets that are kept for a replay (JWE, RFC 7516, direct A256GCM)."""

import hashlib
from collections.abc import Sequence

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from hubbub.kernel.errors import Conflict

HEADER = {"alg": "dir", "enc": "A256GCM"}


class Seal:
    """`seal` with the first secret; `unseal` with whichever made it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [
            OctKey.import_key(hashlib.sha256(b"hubbub seal\0" + secret.encode()).digest())
            for secret in secrets
        ]

    def seal(self, plain: bytes) -> bytes:
        return jwe.encrypt_compact(HEADER, plain, self._keys[0]).encode()

    def unseal(self, sealed: bytes) -> bytes:
        """Raises Conflict when the secret it was sealed with is no longer known."""
        for key in self._keys:
            try:
                plaintext = jwe.decrypt_compact(sealed, key).plaintext
            except (JoseError, ValueError):
                continue
            if plaintext is not None:
                return plaintext
        raise Conflict("The first answer to this Idempotency-Key can no longer be read.")
