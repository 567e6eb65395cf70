"""`safecase demo`: a real safety case of an embedded AI service, for a first look."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--hardened", is_flag=True, help="The same service with what can be mended mended, and what changed.")
@click.option("--thorough", is_flag=True, help="Also ask what takes the small model minutes to answer.")
@click.option("--offline", is_flag=True, help="Fetch nothing: a stand-in answers where the model is not installed.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("safecase-demo"),
    show_default=True,
    help="Where the service, its evidence and case.html go.",
)
def demo(hardened: bool, thorough: bool, offline: bool, folder: Path) -> None:
    """Start a small AI service on loopback, assess it for real, and show its case.

    The service is a support chatbot with its own documents on a real, tiny language model. It makes the mistakes that
    many make. The case is printed and written to case.html; the exit code is 0 when it was built, whatever it says.

    \b
    Examples:
      safecase demo
      safecase demo --hardened
      safecase demo --thorough   # some four minutes
    """
    from safecase.cli import demonstration

    demonstration.show(folder, hardened=hardened, thorough=thorough, offline=offline)
