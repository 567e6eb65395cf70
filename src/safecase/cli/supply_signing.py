"""`safecase supply sign` and `safecase supply verify`: signatures over whole models, without a network."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

MODEL = click.argument("model", type=click.Path(path_type=Path, exists=True), metavar="MODEL")


@click.command()
@MODEL
@click.option("--key", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The private key (PEM).")
@click.option("--password-env", metavar="NAME", help="The variable that holds the key's password.")
@click.option(
    "--certificate", "chain", type=click.Path(path_type=Path, dir_okay=False), help="Its certificate chain (PEM)."
)
@click.option(
    "--signature", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it (MODEL/model.sig)."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def sign(
    model: Path, key: Path, password_env: str | None, chain: Path | None, signature: Path | None, form: str
) -> int:
    """Sign a model, a file or a folder with all that is in it, in the form of OpenSSF model-signing.

    \b
    Examples:
      openssl ecparam -name prime256v1 -genkey -noout -out key.pem
      openssl ec -in key.pem -pubout -out signer.pem
      safecase supply sign models/guide --key key.pem
      safecase supply verify models/guide --key signer.pem
    """
    import msgspec

    from safecase.cli import console
    from safecase.measures.supply_chain.signing.sign import read_private_key
    from safecase.measures.supply_chain.signing.sign import sign as make

    if password_env and password_env not in os.environ:
        raise click.UsageError(f"the variable {password_env} is not set")
    password = os.environ[password_env].encode() if password_env else None
    certificates: Any = ()
    if chain is not None:
        from safecase.measures.supply_chain.signing.certificates import read_roots

        certificates = read_roots(chain, str(chain))
    target = signature or _beside(model)
    with console.counting() as step:
        made = make(model, target, read_private_key(key, password), certificates=certificates, step=step)
    if form == "json":
        console.result(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    else:
        console.result(f"{made.signature}: signs {made.files} files, {made.bytes:,} bytes, {made.root[:16]}…\n")
    return 0


@click.command()
@MODEL
@click.option("--signature", type=click.Path(path_type=Path, dir_okay=False), help="The bundle (MODEL/model.sig).")
@click.option("--key", "keys", multiple=True, type=click.Path(path_type=Path), help="A public key (PEM) that counts.")
@click.option("--trust-root", "roots", multiple=True, type=click.Path(path_type=Path), help="Root certificates (PEM).")
@click.option("--sigstore-root", type=click.Path(path_type=Path), help="trusted_root.json, for keyless signatures.")
@click.option("--identity", "identities", multiple=True, metavar="ID", help="Who may sign: mail@x, or issuer|mail@x.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), help="Judge certificates at this moment (UTC).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def verify(
    model: Path,
    signature: Path | None,
    keys: tuple[Path, ...],
    roots: tuple[Path, ...],
    sigstore_root: Path | None,
    identities: tuple[str, ...],
    at: datetime | None,
    form: str,
) -> int:
    """Verify who signed a model, and that every file of it is as it was signed; nothing is asked of a network.

    A certificate counts by its chain to a root that you give, its time and its identity; with --sigstore-root by what
    Sigstore's log saw of it (keyless; needs safecase[sigstore]). Whether it was withdrawn is not looked at.

    Exit codes: 0 signed and unchanged, 1 not, 3 of a form that is not verified
    here, or a certificate and no root to hold it against.

    \b
    Examples:
      safecase supply verify models/guide --key signer.pem
      safecase supply verify models/guide --trust-root roots.pem --identity ml@example.com
      safecase supply verify models/guide --sigstore-root trusted_root.json --identity ml@example.com
    """
    from safecase.cli import console
    from safecase.measures.supply_chain.signing.verify import verify as look
    from safecase.readers.model_signatures import NotRead, read_key

    bundle = signature or _beside(model)
    moment = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    trusted: list[Any] = []
    for root in roots:
        from safecase.measures.supply_chain.signing.certificates import read_roots

        trusted += read_roots(root, str(root))
    try:
        with console.counting() as step:
            found = look(
                model,
                bundle,
                keys=[read_key(key, str(key)) for key in keys],
                roots=trusted,
                identities=identities,
                at=moment,
                sigstore_root=sigstore_root,
                step=step,
            )
    except NotRead as why:
        return _refused(bundle, why, form)
    return _told(model, found, form)


def _beside(model: Path) -> Path:
    return model / "model.sig" if model.is_dir() else model.with_name(model.name + ".sig")


def _refused(bundle: Path, why: Any, form: str) -> int:
    import json

    from safecase.cli import console
    from safecase.readers.text import shown

    code = 3 if why.known_form else 1
    if form == "json":
        told = {"verified": False, "why": why.why, "form_is_known": why.known_form, "differences": []}
        console.result(json.dumps(told, indent=2) + "\n")
    else:
        console.result(f"{shown(str(bundle), 300)} does not count: {why.why}\n")
    return code


def _told(model: Path, found: Any, form: str) -> int:
    import json

    from safecase.cli import console
    from safecase.readers.text import shown

    if form == "json":
        told = {
            "verified": not found.differences,
            "signer": found.signer,
            "issuer": found.issuer,
            "files": found.files,
            "differences": [{"rule": d.rule, "file": d.name, "message": d.told} for d in found.differences],
        }
        console.result(json.dumps(told, indent=2) + "\n")
    elif not found.differences:
        by = f"{shown(found.signer, 200)}" + (f" ({shown(found.issuer, 200)})" if found.issuer else "")
        console.result(f"{shown(str(model), 300)}: {found.files} files are as {by} signed them\n")
    else:
        lines = [f"{d.rule}: {d.told}\n    mend: {d.mend}\n" for d in found.differences[:50]]
        more = len(found.differences) - 50
        console.result("".join(lines) + (f"… and {more} more\n" if more > 0 else ""))
    return 1 if found.differences else 0
