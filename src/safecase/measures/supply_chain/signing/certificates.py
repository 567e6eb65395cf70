"""Certificate chains within bundles: a path to a root that the reader brought along, offline.

What needs a network or a clock of others is not looked at: whether a certificate was withdrawn, and whether a
transparency log has the signature. A short-lived certificate (Fulcio's live for ten minutes) therefore counts only for
the moment that the caller gives.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from safecase.errors import CollectError
from safecase.readers.model_signatures import Key, NotRead, read_material
from safecase.readers.text import shown

MOST_CERTIFICATES: Final = 10
MOST_FILE: Final = 2 * 1024 * 1024
_ISSUER_OIDS: Final = ("1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1")
"""Where Fulcio writes which identity provider vouched for the signer."""


class Leaf(NamedTuple):
    """Who a certificate says its owner is."""

    key: Key
    identities: tuple[str, ...]
    issuer: str
    """Of the identity: an OIDC provider's address; empty where the certificate says none."""
    until: datetime


def read_roots(path: Path, named: str) -> tuple[x509.Certificate, ...]:
    """Read the roots to trust (PEM, one or several); CollectError where there are none."""
    try:
        content = path.read_bytes()[:MOST_FILE]
        found = tuple(x509.load_pem_x509_certificates(content))
    except OSError as why:
        raise CollectError(f"{shown(named)} cannot be read: {why.strerror}", mend="correct the path") from why
    except ValueError as why:
        raise CollectError(f"{shown(named)} holds no certificate in PEM", mend="give roots as PEM") from why
    return found


def leaf_of(path: Path, roots: Sequence[x509.Certificate], at: datetime) -> Leaf:
    """Give the owner of a bundle's certificate, once its chain leads to one of the roots; NotRead says why not."""
    chain = _chain(read_material(path))
    leaf = chain[0]
    _holds(leaf, at)
    if not _may_sign(leaf):
        raise NotRead("its certificate is not one for signing")
    _leads_to(chain, roots, at)
    return Leaf(
        key=Key(", ".join(identities_of(leaf)) or _name(leaf), leaf.public_key()),
        identities=tuple(identities_of(leaf)),
        issuer=issuer_of(leaf),
        until=leaf.not_valid_after_utc,
    )


def _chain(material: Any) -> list[x509.Certificate]:  # as JSON has it
    entries: Any = material.get("certificate")
    found = [entries] if entries else (material.get("x509CertificateChain") or {}).get("certificates")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_CERTIFICATES:
        raise NotRead("it brings no certificate")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"], validate=True)) for one in found]
    except (ValueError, KeyError, TypeError, binascii.Error) as why:
        raise NotRead("a certificate in it cannot be read") from why


def _leads_to(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime) -> None:
    at_hand = chain[0]
    between = list(chain[1:])
    for _ in range(MOST_CERTIFICATES):
        if any(_issued(at_hand, root) for root in roots if _is_valid(root, at)) or at_hand in roots:
            return
        issuer = next((one for one in between if one != at_hand and _is_authority(one) and _issued(at_hand, one)), None)
        if issuer is None:
            break
        _holds(issuer, at)
        between.remove(issuer)
        at_hand = issuer
    raise NotRead("its certificate does not lead to a root that is trusted")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _holds(certificate: x509.Certificate, at: datetime) -> None:
    if not _is_valid(certificate, at):
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        raise NotRead(f"a certificate in it holds from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}, not now")


def identities_of(certificate: x509.Certificate) -> list[str]:
    """Give the names that a certificate was issued for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        *names.get_values_for_type(x509.RFC822Name),
        *names.get_values_for_type(x509.UniformResourceIdentifier),
        *names.get_values_for_type(x509.DNSName),
    ]


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "a certificate without a name"


def issuer_of(certificate: x509.Certificate) -> str:
    """Give who vouches for the identity, by Fulcio's extension; empty where the certificate says none."""
    for dotted in _ISSUER_OIDS:
        try:
            extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(dotted)).value
        except (x509.ExtensionNotFound, ValueError):
            continue
        if isinstance(extension, x509.UnrecognizedExtension):
            # The newer one wraps its text in DER: a tag and a length before it.
            content = extension.value[2:] if dotted.endswith(".8") else extension.value
            return content.decode("utf-8", "replace")
    return ""
