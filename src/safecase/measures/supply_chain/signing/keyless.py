"""Keyless signatures (Sigstore): a certificate that lived for minutes, and a transparency log that saw it in time.

The trusted root is a file that the caller brings (`trusted_root.json`), so that nothing is fetched: certificate, proof
that the log has the signature, and the log's signed state all come with the bundle. The work is done by the `sigstore`
package, an extra: `pip install 'safecase[sigstore]'`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from safecase.errors import CollectError
from safecase.readers.model_signatures import NotRead
from safecase.readers.text import shown

if TYPE_CHECKING:
    from cryptography import x509


class Signer(NamedTuple):
    """Who signed, by the certificate that the log has seen."""

    identities: tuple[str, ...]
    issuer: str
    """Who vouches for the identity: an OIDC provider's address."""


def keyless(root: Path, identities: Sequence[str]) -> Callable[[bytes], str]:
    """Give what verifies a bundle and names who signed it."""
    return lambda bundle: ", ".join(verify_keyless(bundle, root, identities).identities)


def verify_keyless(content: bytes, root: Path, identities: Sequence[str]) -> Signer:
    """Verify a bundle's envelope; NotRead says why it does not count, CollectError what is missing here."""
    try:
        from sigstore.errors import Error
        from sigstore.models import Bundle, TrustedRoot
        from sigstore.verify import Verifier
    except ImportError as why:
        raise CollectError(
            "keyless signatures need the package sigstore", mend="pip install 'safecase[sigstore]'"
        ) from why
    try:
        trusted = TrustedRoot.from_file(str(root))
    except Exception as why:  # whatever its readers raise: the file is the user's
        raise CollectError(
            f"{shown(root.name)} is no trusted root of Sigstore: {shown(str(why), 120)}",
            mend="give trusted_root.json as `cosign trusted-root create` or your Sigstore instance hands it out",
        ) from why
    asked = _Asked(identities)
    try:
        bundle = Bundle.from_json(content)
        Verifier(trusted_root=trusted).verify_dsse(bundle, asked)
    except Error as why:
        raise NotRead(shown(str(why), 200)) from why
    except Exception as why:  # readers of hostile files may raise anything; it does not count then
        raise NotRead(f"it cannot be read ({type(why).__name__})") from why
    return asked.signer


class _Asked:
    """The policy that `sigstore` asks once the certificate's chain holds."""

    def __init__(self, identities: Sequence[str]) -> None:
        self._wanted = set(identities)
        self.signer = Signer((), "")

    def verify(self, cert: x509.Certificate) -> None:
        """Refuse a certificate of somebody who is not among the identities."""
        from sigstore.errors import VerificationError

        from safecase.measures.supply_chain.signing.certificates import identities_of, issuer_of

        names, issuer = tuple(identities_of(cert)), issuer_of(cert)
        if not self._wanted & {*names, *(f"{issuer}|{name}" for name in names)}:
            told = ", ".join(names) or "nobody"
            raise VerificationError(f"its certificate is of {told}, who is not among the identities that are trusted")
        self.signer = Signer(names, issuer)
