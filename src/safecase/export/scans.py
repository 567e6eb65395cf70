"""What `safecase supply scan` found, as text, JSON, JSON lines and SARIF: the same verdicts in all of them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from safecase import __version__
from safecase.measures.supply_chain.scanning import Found, Scan
from safecase.readers.artifacts.report import WORST_FIRST, FileVerdict, worst_of
from safecase.readers.artifacts.rules import Rule, UnknownRuleError, rule
from safecase.readers.text import shown

MOST_SHOWN: Final = 20
"""Findings of one path in the text; the other forms have all."""

LONGEST: Final = 2000
MOST_RESULTS: Final = 5000
"""Code scanning shows no more of a run."""

_COLOURS: Final[dict[FileVerdict, str]] = {
    "malicious": "1;31",
    "suspicious": "33",
    "error": "35",
    "unsupported": "35",
    "clean": "32",
}
_LEVELS: Final[dict[FileVerdict, str]] = {
    "malicious": "error",
    "suspicious": "error",
    "error": "warning",
    "unsupported": "note",
    "clean": "none",
}
_SCORES: Final[dict[FileVerdict, str]] = {
    "malicious": "9.5",
    "suspicious": "8.0",
    "error": "5.0",
    "unsupported": "3.0",
    "clean": "0.0",
}


def exit_code(scans: Sequence[Scan]) -> int:
    """Give 0 where all is clean, 1 where something is malicious or suspicious, 3 where something was not judged."""
    verdict = worst_of(scan.verdict for scan in scans)
    return 0 if verdict == "clean" else 1 if verdict in ("malicious", "suspicious") else 3


def rule_of(name: str) -> Rule:
    """Give the row of a rule; one that has none yet says so rather than nothing."""
    try:
        return rule(name)
    except UnknownRuleError:
        return Rule(why="", mend="do not load the file before its maker has explained this")


# JSON


def plain(scan: Scan) -> dict[str, Any]:
    """Give a scan as INTERFACES.md has it: `path`, `verdict` and `findings`, and beside them what was looked at."""
    found: dict[str, Any] = {
        "path": scan.path,
        "verdict": scan.verdict,
        "findings": [_plain_finding(f) for f in scan.findings],
        "files": [msgspec.to_builtins(f) for f in scan.files],
        "looked_at": scan.looked_at,
        "bytes": scan.bytes,
        "seconds": scan.seconds,
    }
    if scan.left_out:
        found["left_out"] = scan.left_out
    return found


def _plain_finding(found: Found) -> dict[str, Any]:
    row = rule_of(found.rule)
    return {
        "rule": found.rule,
        "file": found.file,
        "member": found.member,
        "offset": found.offset,
        "verdict": found.says,
        "severity": found.severity,
        "confidence": found.confidence,
        "message": found.message,
        "why": row.why,
        "mend": row.mend,
        "cwe": list(row.cwe),
        "references": list(row.references),
    }


def as_jsonl(scan: Scan) -> bytes:
    """Give one line."""
    return msgspec.json.encode(plain(scan)) + b"\n"


def as_json(scans: Sequence[Scan]) -> bytes:
    """Give one document: all scans and the worst verdict."""
    whole = {
        "tool": {"name": "safecase", "version": __version__},
        "verdict": worst_of(scan.verdict for scan in scans),
        "scans": [plain(scan) for scan in scans],
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


# Text


def as_text(scan: Scan, *, width: int = 80, colour: bool = False) -> str:
    """Give a path's verdict with the findings that made it, the worst first."""
    told = [f"{_painted(scan.verdict, scan.verdict, colour)}  {shown(scan.path, 300)}"]
    for found in scan.findings[:MOST_SHOWN]:
        told.extend(_finding_lines(found, scan, width, colour))
    hidden = len(scan.findings) - MOST_SHOWN + scan.left_out
    if hidden > 0:
        told.append(f"  … and {hidden} more; --format json has them")
    return "\n".join(told) + "\n"


def _finding_lines(found: Found, scan: Scan, width: int, colour: bool) -> Iterator[str]:
    where = [] if found.file == scan.path else [shown(_below(found.file, scan.path), 200)]
    where += [shown(found.member, 120)] if found.member else []
    place = ", ".join(where) + (f"{', ' if where else ''}byte {found.offset}" if found.offset is not None else "")
    yield f"  {_painted(found.rule, found.says, colour)}" + (f"  {place}" if place else "")
    row = rule_of(found.rule)
    for label, text in (("", shown(found.message, LONGEST)), ("why: ", row.why), ("mend: ", row.mend)):
        if text:
            yield from textwrap.wrap(
                label + text, max(width, 40), initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
            )


def _below(file: str, path: str) -> str:
    return file[len(path) :].lstrip("/") if file.startswith(path) else file


def summary(scans: Sequence[Scan]) -> str:
    """Say in a line how much was looked at, and what came out."""
    counts = {says: sum(scan.verdict == says for scan in scans) for says in WORST_FIRST}
    told = ", ".join(f"{count} {says}" for says, count in counts.items() if count)
    files, size = sum(s.looked_at for s in scans), sum(s.bytes for s in scans)
    seconds = sum(s.seconds for s in scans)
    return f"{told or 'nothing to scan'}; {files} files, {_size(size)}, {seconds:.1f} s"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _painted(text: str, says: FileVerdict, colour: bool) -> str:
    return f"\x1b[{_COLOURS[says]}m{text}\x1b[0m" if colour else text


# SARIF


def as_sarif(scans: Sequence[Scan]) -> bytes:
    """Give SARIF 2.1.0 for code scanning: a result a finding, each with its place in the file by byte."""
    all_found = [found for scan in scans for found in scan.findings]
    told = sorted(all_found, key=lambda f: WORST_FIRST.index(f.says))[:MOST_RESULTS]
    worst_by_rule: dict[str, FileVerdict] = {}
    for found in told:
        worst_by_rule.setdefault(found.rule, found.says)
    names = sorted(worst_by_rule)
    left = len(all_found) - len(told) + sum(s.left_out for s in scans)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Safecase",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_sarif_rule(name, worst_by_rule[name]) for name in names],
            }
        },
        "automationDetails": {"id": "safecase/supply-scan/"},
        "invocations": [{"executionSuccessful": True, "exitCode": exit_code(scans)}],
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The folder in which safecase was started."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(found, names.index(found.rule)) for found in told],
        "properties": {"notTold": left},
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


def _sarif_rule(name: str, says: FileVerdict) -> dict[str, Any]:
    row = rule_of(name)
    cwe = [f"external/cwe/{ref.lower()}" for ref in row.cwe]
    text = row.why or name
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in re.findall(r"[a-z0-9]+", name)),
        "shortDescription": {"text": text.partition(". ")[0].rstrip(".") + "."},
        "fullDescription": {"text": text},
        "help": {"text": f"{text}\n\nTo mend it: {row.mend}"},
        "defaultConfiguration": {"level": _LEVELS[says]},
        "properties": {"security-severity": _SCORES[says], "tags": ["security", *row.cwe, *cwe, *row.references]},
    }


def _sarif_result(found: Found, index: int) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(found.file)}
    if found.offset is not None and not found.member:
        physical["region"] = {"byteOffset": found.offset, "byteLength": 1}
    location: dict[str, Any] = {"physicalLocation": physical}
    if found.member:
        location["logicalLocations"] = [{"fullyQualifiedName": shown(found.member, 1000), "kind": "member"}]
    judged = found.says in ("malicious", "suspicious")
    return {
        "ruleId": found.rule,
        "ruleIndex": index,
        "kind": "fail" if judged else "open",
        "level": _LEVELS[found.says] if judged else "none",
        "message": {"text": shown(found.message, LONGEST)},
        "locations": [location],
        "partialFingerprints": {"safecase/v1": shown(f"{found.rule}:{found.file}:{found.member}:{found.key}", 1000)},
        "properties": {
            "verdict": found.says,
            "severity": found.severity,
            "confidence": found.confidence,
            "member": shown(found.member, 1000),
            "offset": found.offset,
        },
    }


def _artifact(path: str) -> dict[str, str]:
    uri = quote(path[:4096].removeprefix("./"), safe="/", errors="replace")
    return {"uri": "file://" + uri} if path.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
