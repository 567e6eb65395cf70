"""`safecase protect train`: the weights of the detector, made anew."""

from __future__ import annotations

import lzma
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE...")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("weights.bin"))
@click.option("--made-up", multiple=True, metavar="SOURCE", help="Sources whose texts are no sample of any traffic.")
def train(files: tuple[Path, ...], out: Path, made_up: tuple[str, ...]) -> None:
    """Make weights from labelled texts: JSON lines (also .xz) with text, label (1 an attack) and source.

    The same texts give the same weights. Each source (up to a colon) is left out in turn, to say how well texts are
    judged that training has not seen. Needs scikit-learn: pip install 'safecase[train]'.

    \b
    Examples:
      safecase protect train labelled.jsonl --out weights.bin
      safecase protect train public.jsonl.xz own.jsonl --made-up gen
    """
    from safecase.cli import console
    from safecase.detectors.injection.training import read_rows
    from safecase.detectors.injection.training import train as make
    from safecase.detectors.injection.weights import write
    from safecase.errors import UsageError
    from safecase.readers.text import shown

    rows = []
    for path in files:
        try:
            with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as opened:
                rows += read_rows(opened, str(path))
        except (OSError, lzma.LZMAError) as why:
            raise UsageError(f"{shown(str(path))} cannot be read: {why}", mend="correct the path") from why
    with console.counting() as step:
        found = make(rows, made_up=frozenset(made_up), step=step)
    out.write_bytes(write(found.stored))
    lines = [f"{'left out':<24}{'attacks':>8}{'benign':>8}{'AUC':>8}{'@1 %':>8}{'@0.1 %':>8}"]
    for one in found.left_out:
        told = "".join(f"{'-' if v is None else f'{v:.3f}':>8}" for v in (one.auc, one.recall_1, one.recall_01))
        lines.append(f"{shown(one.source, 22):<24}{one.attacks:>8}{one.benign:>8}{told}")
    lines += [f"threshold at {100 * t.fpr:g} %: {t.score:.3f} (on {t.n} texts)" for t in found.stored.thresholds]
    console.result("\n".join(lines) + f"\nwrote {out}\n")
