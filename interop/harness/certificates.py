"""Authorities and certificates for a test, made by `openssl`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = "3"


@dataclass(frozen=True)
class Certificate:
    """A certificate, its key, and both in one file as Java wants them."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Issues certificates that are good for either end of a connection to this machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / f"authority-{name}"
        self._folder.mkdir(parents=True)
        self.path = self._folder / "authority.pem"
        self._key = self._folder / "authority.key"
        _new_key(self._key)
        _openssl("req", "-x509", "-new", "-key", self._key, "-subj", f"/CN={name}", "-days", _DAYS, "-out", self.path)

    def issue(self, name: str, subject: str | None = None) -> Certificate:
        """A certificate for `subject`, as OpenSSL writes names: `/O=Example/CN=alice`."""
        stem = self._folder / name
        issued = Certificate(stem.with_suffix(".crt"), stem.with_suffix(".key"), stem.with_suffix(".pem"))
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        _new_key(issued.key)
        _openssl("req", "-new", "-key", issued.key, "-subj", subject or f"/CN={name}", "-utf8", "-out", request)
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
            "keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n"
        )
        signing = ("-CA", self.path, "-CAkey", self._key, "-CAcreateserial", "-extfile", extensions)
        _openssl("x509", "-req", "-in", request, *signing, "-days", _DAYS, "-out", issued.certificate)
        issued.both.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
        return issued


@dataclass(frozen=True)
class Tls:
    """What a node is given to serve clients over TLS and, if `peers` is there, to talk to other nodes."""

    port: int
    own: Certificate
    clients: Path
    need: bool = False
    peers: "PeerTls | None" = None


@dataclass(frozen=True)
class PeerTls:
    """What a node shows other nodes, and what it judges theirs by."""

    own: Certificate
    authority: Path


def _new_key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
