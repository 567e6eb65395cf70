"""COSE_Sign1 (RFC 9052) with a chain of certificates (RFC 9360), as C2PA signs claims."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from safecase.readers.media.cbor import CborError, decode

if TYPE_CHECKING:
    from cryptography import x509

MOST_CERTIFICATES: Final = 10
_HASHES: Final = {-7: "SHA256", -35: "SHA384", -36: "SHA512", -37: "SHA256", -38: "SHA384", -39: "SHA512"}
_X5CHAIN: Final = 33


class CoseError(ValueError):
    """The signature does not hold."""


class UnknownAlgorithmError(ValueError):
    """The signature is made in a way that is not known here."""


def verified(signature: bytes, payload: bytes) -> list[x509.Certificate]:
    """Give the chain whose first certificate signed the payload; raises where it did not."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    protected, unprotected, made = _sign1(signature)
    try:
        headers = decode(protected)
    except CborError as why:
        raise CoseError(f"its headers are broken: {why}") from why
    if not isinstance(headers, dict):
        raise CoseError("its headers are broken")
    listed = headers.get(_X5CHAIN, headers.get("x5chain", unprotected.get(_X5CHAIN, unprotected.get("x5chain"))))
    listed = [listed] if isinstance(listed, bytes) else listed
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_CERTIFICATES or not _all_bytes(listed):
        raise CoseError("it brings no certificate, or too many")
    try:
        chain = [x509.load_der_x509_certificate(one) for one in listed]
        key = chain[0].public_key()
    except (ValueError, TypeError, x509.InvalidVersion) as why:
        raise CoseError("its certificate is broken") from why
    except UnsupportedAlgorithm as why:
        raise UnknownAlgorithmError("its certificate has a key of another kind") from why
    # Sig_structure (RFC 9052, 4.4): an array of a text and three byte strings.
    signed = b"\x84\x6aSignature1" + _bytes(protected) + _bytes(b"") + _bytes(payload)
    try:
        _verify(key, headers.get(1), made, signed)
    except InvalidSignature as why:
        raise CoseError("its signature does not fit") from why
    return chain


def _all_bytes(values: list[Any]) -> bool:
    return all(isinstance(value, bytes) for value in values)


def _sign1(content: bytes) -> tuple[bytes, dict[Any, Any], bytes]:
    try:
        value = decode(content)
    except CborError as why:
        raise CoseError(f"it is broken: {why}") from why
    if not isinstance(value, list) or len(value) != 4:
        raise CoseError("it is no COSE_Sign1")
    protected, unprotected, payload, signature = value
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict) or not isinstance(signature, bytes):
        raise CoseError("it is no COSE_Sign1")
    if payload is not None:
        raise CoseError("it signs what it brings itself, and not the claim")
    return protected, unprotected, signature


def _verify(key: Any, algorithm: object, made: bytes, signed: bytes) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if algorithm == -8 and isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(made, signed)
        return
    hashed = getattr(hashes, _HASHES.get(algorithm, ""), None) if isinstance(algorithm, int) else None
    if hashed is not None and algorithm in (-7, -35, -36) and isinstance(key, ec.EllipticCurvePublicKey):
        half = len(made) // 2
        der = encode_dss_signature(int.from_bytes(made[:half], "big"), int.from_bytes(made[half:], "big"))
        key.verify(der, signed, ec.ECDSA(hashed()))
    elif hashed is not None and algorithm in (-37, -38, -39) and isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise CoseError(f"its key has {key.key_size} bits")
        salted = padding.PSS(mgf=padding.MGF1(hashed()), salt_length=padding.PSS.DIGEST_LENGTH)
        key.verify(made, signed, salted, hashed())
    else:
        raise UnknownAlgorithmError(f"algorithm {algorithm} with a key of another kind")


def _bytes(content: bytes) -> bytes:
    """Write a CBOR byte string."""
    size = len(content)
    if size < 24:
        return bytes([0x40 | size]) + content
    if size < 0x100:
        return struct.pack(">BB", 0x58, size) + content
    if size < 0x10000:
        return struct.pack(">BH", 0x59, size) + content
    return struct.pack(">BI", 0x5A, size) + content


def distrust(chain: list[x509.Certificate], roots: list[x509.Certificate], at: datetime) -> str:
    """Say why a chain does not lead from a signer to a root that is trusted; empty where it does."""
    from cryptography import x509

    for number, certificate in enumerate(chain):
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return "a certificate of it is not valid now (time stamps are not read)"
        if _may_sign_certificates(certificate) != (number > 0):
            return "a certificate of it signs what it must not"
    leaf = chain[0]
    try:
        may_sign = leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        may_sign = False
    if not may_sign:
        return "its certificate does not say that it may sign"
    issuers = [root for root in roots if _may_sign_certificates(root)]
    for below, above in zip(chain, [*chain[1:], None], strict=True):
        if below in roots or any(_issued(below, root) for root in issuers):
            return ""
        if above is not None and not _issued(below, above):
            return "its certificates do not lead to one another"
    return "nobody trusts who issued its certificate"


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _may_sign_certificates(certificate: x509.Certificate) -> bool:
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
