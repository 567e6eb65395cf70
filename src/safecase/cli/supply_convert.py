"""`safecase supply convert`: weights out of a pickle, into safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.measures.supply_chain.conversion import Conversion


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--prefix", default="", metavar="NAME", help="Only tensors below NAME, without it: state_dict, module.")
@click.option("--overwrite", is_flag=True, help="Replace OUT where it is there already.")
@click.option("--max-bytes", type=click.IntRange(0), help="Most bytes of all tensors (4 times IN, 256 MiB at least).")
@click.option("--report", is_flag=True, help="Write OUT.report.json: both digests, and one of each tensor.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def convert(
    source: Path,
    target: Path,
    prefix: str,
    overwrite: bool,
    max_bytes: int | None,
    report: bool,
    form: str,
) -> int:
    """Convert weights that lie in a pickle to safetensors, without executing anything.

    IN is a file of torch.save (zip, legacy stream, legacy tar) or a pickle of numpy arrays. It is scanned first, and a
    malicious one is refused. Its pickle is only followed: tensors, dicts, lists, tuples, sets, texts and numbers are
    taken over, and everything else is refused by its name: other classes, sparse and quantised tensors, complex128.

    Tensors of a nested dict get dotted names. Those that share memory are written once for each name, so that every
    loader finds all of them; `__metadata__` tells which ones they are. What is no tensor goes to OUT.json.

    Exit codes: 0 converted, 1 refused, 2 wrong use, 3 it could not be read or written.

    \b
    Examples:
      safecase supply convert pytorch_model.bin model.safetensors
      safecase supply convert checkpoint.pt model.safetensors --prefix state_dict
      safecase supply convert model.pt model.safetensors --report --format json
    """
    from safecase.cli import console
    from safecase.cli.output import write
    from safecase.errors import UsageError
    from safecase.measures.supply_chain.conversion import convert as converted

    to = target.with_name(f"{target.name}.report.json")
    if report and to.exists() and not overwrite:
        raise UsageError(f"{to} is there already", mend="choose another name, or say --overwrite")
    with console.counting() as step:
        done = converted(
            source,
            target,
            prefix=prefix,
            overwrite=overwrite,
            max_bytes=max_bytes,
            progress=lambda at, total: step(f"{100 * at // max(total, 1)} %"),
        )
    if report:
        write(to, _as_json(done))
    console.result(_as_json(done) if form == "json" else _as_text(done))
    return 0


def _as_json(done: Conversion) -> bytes:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n"


def _as_text(done: Conversion) -> str:
    from safecase.readers.text import shown

    lines = [
        f"{len(done.tensors)} tensors, {done.size} bytes: {shown(done.target, 300)}",
        f"  source  sha256:{done.source_sha256}  ({done.source_format}, {done.source_verdict})",
        f"  target  sha256:{done.target_sha256}",
    ]
    if done.shared:
        lines.append(f"  {len(done.shared)} groups of tensors shared memory: each name has its own copy now")
    if done.dropped:
        lines.append(f"  {len(done.dropped)} tensors are left out: they do not lie below the prefix")
    if done.sidecar:
        lines.append(f"  what is no tensor: {shown(done.sidecar, 300)}")
    return "\n".join(lines) + "\n"
