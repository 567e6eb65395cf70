"""Whose key signs: the pipeline's from the environment, or the person's own from their configuration folder."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from safecase.errors import UsageError
from safecase.readers import regular_files
from safecase.readers.text import shown
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VARIABLE = "SAFECASE_SIGNING_KEY"
_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")
_MOST_BYTES = 64 * 1024


class Signer(Noun, frozen=True):
    """Who sealed a ledger."""

    key_id: str
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    public_key: str
    """The raw Ed25519 public key in base64."""

    @property
    def fingerprint(self) -> str:
        """The whole SHA-256 of the raw public key; of something that is no base64, none."""
        try:
            return hashlib.sha256(base64.b64decode(self.public_key, validate=True)).hexdigest()
        except ValueError:
            return ""


def signer_of(key: Ed25519PrivateKey) -> Signer:
    """Name the holder of a private key."""
    return _named(key.public_key().public_bytes_raw())


def own_file() -> Path:
    """Say where the person's own key lies: `$SAFECASE_HOME`, else the configuration folder of this system."""
    home = os.environ.get("SAFECASE_HOME")
    if home:
        return Path(home) / "signing.key"
    import platformdirs

    return Path(platformdirs.user_config_dir("safecase", appauthor=False)) / "signing.key"


def to_sign() -> Ed25519PrivateKey | None:
    """Give the key that signs here; the person's own is made at the first call. None where none can be kept."""
    given = os.environ.get(VARIABLE)
    if given:
        return _from_environment(given)
    file = own_file()
    try:
        return _read_private(file) if file.exists() else make(file)
    except OSError:
        return None


def own() -> tuple[Signer, ...]:
    """Name the keys that are trusted without being asked for: the environment's and the person's own."""
    found = []
    given = os.environ.get(VARIABLE)
    if given:
        found.append(signer_of(_from_environment(given)))
    with contextlib.suppress(OSError):
        if own_file().exists():
            found.append(signer_of(_read_private(own_file())))
    return tuple(found)


def make(file: Path) -> Ed25519PrivateKey:
    """Make a new key and keep it in a file that only its owner can read; of two made at once, the first counts."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".signing.")  # 0600 from the start
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
    return _read_private(file)


def trusted_by(wanted: str) -> str:
    """Give the fingerprint, or the key id, of a key named by a file or an id."""
    if _ID.fullmatch(wanted.lower()) and not Path(wanted).exists():
        return wanted.lower()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        content = _bounded(Path(wanted))
    except OSError as why:
        mend = "give the file of a public key in PEM, or the 16 digits of its id"
        raise UsageError(f"the key {shown(wanted)} cannot be read: {why.strerror}", mend=mend) from why
    if b"PRIVATE KEY" in content:
        return signer_of(_private(content, wanted)).fingerprint
    try:
        public = load_pem_public_key(content)
    except ValueError:
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise UsageError(f"{shown(wanted)} holds no Ed25519 key in PEM", mend="safecase evidence keygen makes one")
    return _named(public.public_bytes_raw()).fingerprint


def names(fingerprint: str, signer: Signer) -> bool:
    """Say whether a fingerprint or key id names the signer."""
    return signer.fingerprint.startswith(fingerprint) if fingerprint else False


def public_pem(key: Ed25519PrivateKey) -> str:
    """Write the public half as others want it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _named(raw: bytes) -> Signer:
    return Signer(key_id=hashlib.sha256(raw).hexdigest()[:16], public_key=base64.b64encode(raw).decode())


def _from_environment(given: str) -> Ed25519PrivateKey:
    if "-----BEGIN" in given:
        return _private(given.replace("\\n", "\n").encode(), f"${VARIABLE}")
    try:
        return _private(_bounded(Path(given)), f"${VARIABLE}")
    except OSError as why:
        mend = f"set {VARIABLE} to the file of a key, or to its PEM text"
        raise UsageError(f"${VARIABLE} names a file that cannot be read: {why.strerror}", mend=mend) from why


def _read_private(file: Path) -> Ed25519PrivateKey:
    return _private(_bounded(file), str(file))


def _bounded(file: Path) -> bytes:
    # A link is fine here: secrets are mounted into containers as links, and no repository names this file.
    return regular_files.read(file, most=_MOST_BYTES, follow=True)


def _private(content: bytes, where: str) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        mend = "safecase evidence keygen -o FILE makes one"
        raise UsageError(f"{where} is no Ed25519 private key in PEM without a password", mend=mend)
    return key
