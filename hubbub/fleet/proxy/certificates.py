"""The certificate: given, certbot's, or made here for a trial; joined into the one file a proxy reads."""

import re
import ssl
import time
from pathlib import Path

from hubbub.fleet.proxy import ProxyError
from hubbub.fleet.proxy.common import host_name, private, replace, run

SELF_SIGNED = "self-signed"
TRIAL_DAYS = 90
RENEW_DAYS = 10
"""A certificate made here is replaced that long before its end."""
BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n.+?\n-----END \1-----", re.DOTALL)


class Certificate:
    """What `source` names, kept as one PEM file (chain, then key) at `path`, which the proxy reads.

    `source` is a PEM file with both, a folder as certbot fills it, or `self-signed`.
    """

    def __init__(self, source: str, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self.path = folder / "certificate.pem"
        self._seen: tuple[float, ...] = ()
        self._expiry: tuple[float, float] = (0.0, 0.0)

    def read(self) -> str:
        """Chain and key as they are at the source now. Raises ProxyError when a part is missing."""
        files = self._files()
        try:
            text = "\n".join(file.read_text() for file in files)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ProxyError(f"The certificate cannot be read: {files[0]}: {reason}.") from None
        found: dict[str, list[str]] = {"CERTIFICATE": [], "KEY": []}
        for match in BLOCK.finditer(text.replace("\r\n", "\n")):
            kind = "KEY" if match[1].endswith("PRIVATE KEY") else match[1]
            if kind in found:
                found[kind].append(match[0])
        if not found["CERTIFICATE"] or len(found["KEY"]) != 1:
            names = " and ".join(str(file) for file in files)
            raise ProxyError(f"{names}: one private key and its certificate are needed, as PEM.")
        return "\n".join(found["CERTIFICATE"] + found["KEY"]) + "\n"

    def install(self) -> None:
        """Brings the proxy's file up to date. Raises ProxyError."""
        text = self.changed(look_twice=True)
        if text:
            replace(self.path, text)

    def changed(self, *, look_twice: bool = False) -> str:
        """The new chain and key when the source differs from the proxy's file, else "".

        Between two changes this costs two `stat`, unless it shall `look_twice`. Raises ProxyError.
        """
        files = self._files()
        try:
            seen = tuple(file.stat().st_mtime for file in files)
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
            raise ProxyError(f"The certificate cannot be read: {reason}.") from None
        if seen == self._seen and not look_twice:
            return ""
        text = self.read()
        self._seen = seen
        return "" if self.path.exists() and self.path.read_text() == text else text

    def expires(self) -> float:
        """Unix time at which the proxy's certificate ends; 0 when there is none. Raises ProxyError."""
        try:
            written = self.path.stat().st_mtime
        except OSError:
            return 0.0
        if self._expiry[0] != written:
            self._expiry = (written, end_of(self.path))
        return self._expiry[1]

    def _files(self) -> list[Path]:
        if self._source == SELF_SIGNED:
            return [self._make()]
        source = Path(self._source)
        if source.is_dir():
            return [source / "fullchain.pem", source / "privkey.pem"]
        return [source]

    def _make(self) -> Path:
        """The certificate made here: the one that is there, or a new one before that ends."""
        path = self._folder / "self-signed.pem"
        if (
            path.exists()
            and path.stat().st_mtime > time.time() - (TRIAL_DAYS - RENEW_DAYS) * 86_400
        ):
            return path
        private(self._folder)
        name = host_name()
        key, chain = path.with_suffix(".key"), path.with_suffix(".crt")
        kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256"
        names = (
            f"-subj /CN={name} -addext subjectAltName=DNS:localhost,DNS:{name},IP:127.0.0.1,IP:::1"
        )
        command = ["openssl", "req", "-x509", *kind.split(), *names.split()]
        run([*command, "-days", str(TRIAL_DAYS), "-keyout", str(key), "-out", str(chain)])
        replace(path, chain.read_text() + key.read_text())
        key.unlink()
        chain.unlink()
        return path


def end_of(path: Path) -> float:
    """Unix time at which the first certificate of a PEM file ends. Raises ProxyError."""
    answer = run(["openssl", "x509", "-noout", "-enddate", "-in", str(path)])
    try:
        return ssl.cert_time_to_seconds(answer.strip().removeprefix("notAfter="))
    except ValueError:
        raise ProxyError(f"{path}: its end cannot be read: {answer.strip()[:200]}") from None
