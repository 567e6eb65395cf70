"""What came of attacks as SARIF 2.1.0: a result for each weakness that broke, or that could not be settled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from safecase import __version__
from safecase.export import attacks
from safecase.export.sarif import SCHEMA
from safecase.readers.text import shown

if TYPE_CHECKING:
    from safecase.measures.testing.reckoned import Reckoned, Report

LONGEST: Final = 2000


def render(found: Report, file: Path | None) -> bytes:
    """Write the log; `file` is where the target is described, if it is in a file."""
    told = [row for row in found.results if row.result.verdict != "safe"]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Safecase",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(row) for row in told],
            }
        },
        "automationDetails": {"id": "safecase/testing-attack/"},
        "invocations": [{"executionSuccessful": True, "exitCode": attacks.exit_code(found)}],
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The folder in which safecase was started."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(row, index, found.target, file) for index, row in enumerate(told)],
        "properties": {"target": shown(found.target, LONGEST), "calls": found.calls, "limit": found.limit},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


def _rule(row: Reckoned) -> dict[str, Any]:
    one = row.result
    return {
        "id": f"attack.{one.weakness}",
        "name": "".join(part.capitalize() for part in one.weakness.split("_")),
        "shortDescription": {"text": f"{one.title}."},
        "help": {"text": f"{one.title}.\n\nTo mend it: {one.mend}."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"security-severity": "8.0", "tags": ["security", *one.references]},
    }


def _result(row: Reckoned, index: int, target: str, file: Path | None) -> dict[str, Any]:
    one = row.result
    broke = one.verdict == "vulnerable"
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": shown(target, LONGEST), "kind": "module"}]}
    if file is not None:
        uri = {"uri": quote(file.as_posix()), "uriBaseId": "%SRCROOT%"}
        artifact = uri if not file.is_absolute() else {"uri": file.as_uri()}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": 1}}
    result: dict[str, Any] = {
        "ruleId": f"attack.{one.weakness}",
        "ruleIndex": index,
        "kind": "fail" if broke else "open",
        "level": "error" if broke else "none",
        "message": {"text": shown(f"{one.title}: {attacks.rate(row)}. {one.reason}", LONGEST)},
        "locations": [location],
        "partialFingerprints": {"safecase/v1": shown(f"{one.weakness}:{target}", LONGEST)},
    }
    if not row.counts:
        said = row.left[0]
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": shown(f"{said.owner}: {said.reason}", LONGEST)}
        ]
    if (line := attacks.example(one)) is not None:
        result["properties"] = {"transcript": [f"{role}: {shown(text, LONGEST)}" for role, text in attacks.turns(line)]}
    return result
