"""Verify a signed model offline: who signed it, by a key or a certificate, and whether it is as it was signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from safecase.measures.supply_chain.signing.listing import Difference, differences
from safecase.readers.model_signatures import Key, NotRead, Statement, read_bundle, read_statement, signer
from safecase.vocabulary import Noun

if TYPE_CHECKING:
    from cryptography import x509


class Verified(Noun, frozen=True):
    """What was signed, by whom, and what differs from it."""

    signer: str
    """The key's name, or the identities of the certificate."""
    issuer: str
    files: int
    differences: tuple[Difference, ...]


def signed_by(
    bundle_path: Path,
    keys: Sequence[Key],
    roots: Sequence[x509.Certificate],
    identities: Sequence[str],
    at: datetime,
    sigstore_root: Path | None = None,
) -> tuple[Statement, str, str]:
    """Give what was signed, by whom, and who vouches for that identity; NotRead says why it does not count."""
    bundle = read_bundle(bundle_path)
    if not bundle.keyless:
        key = signer(bundle, keys)
        if key is None:
            raise NotRead("none of the keys has made it" if keys else "it was made with a key, and none is trusted")
        return read_statement(bundle), key.name, ""
    if sigstore_root is not None:
        from safecase.measures.supply_chain.signing.keyless import verify_keyless

        who = verify_keyless(bundle_path.read_bytes(), sigstore_root, identities)
        return read_statement(bundle), ", ".join(who.identities), who.issuer
    from safecase.measures.supply_chain.signing.certificates import leaf_of

    if not roots:
        raise NotRead("it was made with a certificate, and no root is trusted", known_form=True)
    leaf = leaf_of(bundle_path, roots, at)
    if signer(bundle, [leaf.key]) is None:
        raise NotRead("the key of its certificate has not made it")
    wanted = set(identities)
    told = {*leaf.identities, *(f"{leaf.issuer}|{name}" for name in leaf.identities)}
    if not wanted & told:
        named = ", ".join(leaf.identities) or "nobody"
        raise NotRead(f"its certificate is of {named}, who is not among the identities that are trusted")
    return read_statement(bundle), ", ".join(leaf.identities), leaf.issuer


def verify(
    model: Path,
    bundle_path: Path,
    *,
    keys: Sequence[Key] = (),
    roots: Sequence[x509.Certificate] = (),
    identities: Sequence[str] = (),
    at: datetime,
    sigstore_root: Path | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Verify the signature, then every file. Identities are `mail@example.com`, or `issuer|identity`.

    With a trusted root of Sigstore, certificates count by what its transparency log saw (keyless); else by `roots`.
    """
    statement, name, issuer = signed_by(bundle_path, keys, roots, identities, at, sigstore_root)
    found = tuple(differences(model, bundle_path, statement, step=step))
    return Verified(signer=name, issuer=issuer, files=len(statement.files), differences=found)
