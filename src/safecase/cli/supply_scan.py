"""`safecase supply scan`: look inside model files without loading them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from safecase.measures.supply_chain.scan_cache import ScanCache
    from safecase.measures.supply_chain.scanning import Scan


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(["text", "json", "jsonl", "sarif"]), default="text")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE and not to stdout."
)
@click.option(
    "--allow", multiple=True, metavar="NAME", help="A class of your own, as pkg.module.Name; may be repeated."
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Paths below a folder to pass over; may be repeated.")
@click.option("--hash", "hashes", is_flag=True, help="Give the SHA-256 of each model file, too.")
@click.option("--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds for one file.")
@click.option("--cache/--no-cache", default=True, help="Remember what was costly to look into, by its digest.")
def scan(
    paths: tuple[str, ...],
    form: str,
    output: Path | None,
    allow: tuple[str, ...],
    exclude: tuple[str, ...],
    hashes: bool,
    timeout: float,
    cache: bool,
) -> int:
    """Look inside model files, archives and model folders without loading them, and give each PATH a verdict.

    The format is told by content, never by the name. Nothing is imported, unpickled or run, and nothing is asked of a
    network. Verdicts: malicious (it would run, read or hide something), suspicious (honest files have no such thing),
    error (broken: not judged), unsupported (nobody looks into this format), clean.

    Exit codes: 0 all clean, 1 something malicious or suspicious, 3 something could not be judged.

    \b
    Examples:
      safecase supply scan model.pkl
      safecase supply scan models/ --exclude 'checkpoints/*'
      safecase supply scan ~/.cache/huggingface/hub --format jsonl
      safecase supply scan . --format sarif -o scan.sarif
      safecase supply scan model.joblib --allow mypkg.features.Scaler
    """
    from safecase.cli import console
    from safecase.export import scans as writers
    from safecase.measures.supply_chain.scanning import Options, scan_paths

    options = Options(allow=frozenset(allow), exclude=exclude, seconds=timeout, hash=hashes)
    done: list[Scan] = []
    remembered = _cache(options.allow) if cache else None
    width = console.screen().width
    with console.counting() as step:
        for found in scan_paths(paths, options, cache=remembered, step=step):
            done.append(found)
            if output is None and form == "jsonl":
                console.result(writers.as_jsonl(found))
            elif output is None and form == "text":
                console.result(writers.as_text(found, width=width, colour=console.coloured()))
    if output is not None or form in ("json", "sarif"):
        _write(output, _rendered(done, form))
    if form == "text" or output is not None:
        console.say(writers.summary(done))
    return writers.exit_code(done)


def _rendered(done: list[Scan], form: str) -> bytes:
    from safecase.export import scans as writers

    if form == "json":
        return writers.as_json(done)
    if form == "sarif":
        return writers.as_sarif(done)
    if form == "jsonl":
        return b"".join(writers.as_jsonl(found) for found in done)
    return "".join(writers.as_text(found) for found in done).encode("utf-8", "replace")


def _write(output: Path | None, content: bytes) -> None:
    from safecase.cli import console

    if output is None:
        console.result(content)
        return
    from safecase.cli.output import write

    write(output, content)


def _cache(allow: frozenset[str]) -> ScanCache:
    import os

    from safecase.measures.supply_chain.scan_cache import ScanCache

    home = os.environ.get("SAFECASE_HOME")
    if not home:
        import platformdirs

        home = platformdirs.user_cache_dir("safecase", appauthor=False)
    return ScanCache(Path(home) / "scans.sqlite", allow)
