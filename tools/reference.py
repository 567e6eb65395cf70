"""Write the reference pages of docs/reference from the code, or check that they say what the code says.

usage: python tools/reference.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import click

from safecase.catalogue.read import catalogue
from safecase.cli import VERBS, app
from safecase.cli.pages import EXIT_CODES, WORDS
from safecase.export.check_pages import check_pages
from safecase.service.discover import DISCOVERED
from safecase.service.keys import all_keys, key_page
from safecase.vocabulary import MEASURES

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Written by `make docs` from the code: change the text there. -->\n"


def pages() -> Mapping[str, str]:
    """Give every reference page by its file name."""
    return {
        "controls.md": _controls(),
        "threats.md": _threats(),
        "facts.md": _facts(),
        "checks.md": _checks(),
        "manifest.md": _manifest(),
        "command-line.md": _command_line(),
        "words.md": _words(),
    }


def _controls() -> str:
    lines = [f"# Controls\n\n{MADE}"]
    for measure in MEASURES:
        rows = [c for c in catalogue().controls.values() if c.measure == measure]
        if not rows:
            continue
        page = (import_module(f"safecase.measures.{measure}").__doc__ or "").strip()
        lines += [f"## {measure}\n", page, ""]
        for c in rows:
            there = check_pages()
            named = [
                f"[{name}](checks.md#{_anchor(name)})" if name in there else f"{name} (not yet)" for name in c.checks
            ]
            by = ", ".join([*named, *(["an attestation"] if c.attested else [])])
            when = "every service" if c.when == "True" else f"`{c.when}`"
            lines += [
                f'<a id="{c.id.lower()}"></a>\n\n### {c.id} {c.title}\n',
                f"{c.text}\n",
                f"Applies to: {when}. Severity: {c.severity}. Verified by: {by}. Fresh for {c.ttl_days} days.",
                f"Risk groups: {', '.join(c.risk_groups)}. References: {', '.join(c.references)}.\n",
            ]
    return "\n".join(lines)


def _threats() -> str:
    rows = catalogue()
    lines = [f"# Threats and risk groups\n\n{MADE}"]
    for group in rows.risk_groups.values():
        ids = ", ".join(f"[{t.id}](#{t.id.lower()})" for t in rows.threats.values() if group.id in t.risk_groups)
        lines += [f"* **{group.title}** (`{group.id}`): {group.text} {ids}"]
    for threat in rows.threats.values():
        answered = ", ".join(f"[{c}](controls.md#{c.lower()})" for c in threat.controls)
        references = [r if isinstance(r, str) else f"{r.id} (when `{r.when}`)" for r in threat.references]
        lines += [
            f'\n<a id="{threat.id.lower()}"></a>\n\n## {threat.id} {threat.title}\n',
            f"{threat.text}\n",
            f"About: {threat.asset}. Applies when `{' '.join(threat.when.split())}`. Answered by: {answered}.",
            f"Seen when: {threat.verify} STRIDE: {', '.join(threat.stride)}. References: {', '.join(references)}.",
        ]
    return "\n".join(lines)


def _facts() -> str:
    lines = [f"# Facts that follow from others\n\n{MADE}", "| fact | says | follows from |", "| --- | --- | --- |"]
    for name, fact in catalogue().facts.items():
        lines.append(f"| `{name}` | {fact.text} | `{' '.join(fact.when.split())}` |")
    lines += ["", "What a look at the files says:", ""]
    return "\n".join([*lines, *(f"* `{name}`: {text}" for name, text in DISCOVERED.items()), ""])


def _checks() -> str:
    lines = [f"# Checks\n\n{MADE}"]
    for name, text in check_pages().items():
        first, _, rest = text.partition("\n")
        lines += [f"## {name}\n", f"**{first}**", rest.replace("\n## ", "\n### "), ""]
    return "\n".join(lines)


def _manifest() -> str:
    lines = [f"# safecase.yaml\n\n{MADE}"]
    for key in all_keys():
        page = key_page(key)
        if page is not None:
            lines += [f"## `{key}`\n", "```text", page.text.strip(), "```\n"]
    return "\n".join(lines)


def _command_line() -> str:
    lines = [f"# The command line\n\n{MADE}"]
    for path, command in _commands():
        context = click.Context(command, info_name=path, max_content_width=100)
        lines += [f"## {path}\n", "```text", command.get_help(context).strip(), "```\n"]
    lines += ["## Exit codes\n", *(f"* `{code}` {text}" for code, text in EXIT_CODES.items()), ""]
    return "\n".join(lines)


def _commands() -> Iterator[tuple[str, click.Command]]:
    yield "safecase", app
    for verb in VERBS:
        command = app.get_command(click.Context(app), verb)
        assert command is not None
        yield f"safecase {verb}", command
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                child = command.get_command(click.Context(command), name)
                assert child is not None
                yield f"safecase {verb} {name}", child


def _words() -> str:
    return "\n".join([f"# States and verdicts\n\n{MADE}", *(f"* **{w}** — {text}" for w, text in WORDS.items()), ""])


def _anchor(name: str) -> str:
    return name.replace(".", "")


def main() -> int:
    """Write the pages; with --check only compare, and name what drifted."""
    drifted = []
    for name, text in pages().items():
        file = FOLDER / name
        content = "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"
        if "--check" in sys.argv:
            if not file.exists() or file.read_text() != content:
                drifted.append(name)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    if drifted:
        print(
            f"error: docs/reference/{', '.join(drifted)} says something else than the code\nmend: make docs",
            file=sys.stderr,
        )
    return 1 if drifted else 0


if __name__ == "__main__":
    raise SystemExit(main())
