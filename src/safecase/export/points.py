"""What another tool is told of a case, point by point: what was seen to fail apart from what nobody looked at."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from safecase.catalogue.read import catalogue
from safecase.export.check_pages import page_of
from safecase.export.words import standing
from safecase.vocabulary import SEVERITIES, Case, Claim, Finding, Place, Severity

Kind: TypeAlias = Literal["fails", "unjudged", "unseen", "accepted"]
KINDS: tuple[Kind, ...] = ("fails", "unjudged", "unseen", "accepted")
"""We looked and it fails; we looked and cannot tell, or too long ago; nobody looked; an owner accepts it for a time."""

MANIFEST = "safecase.yaml"


class Point(NamedTuple):
    """One thing to tell: a finding of an open or accepted claim, or the claim itself where there is none."""

    kind: Kind
    claim: Claim
    finding: Finding | None
    severity: Severity
    message: str
    mend: str
    place: Place
    """Where to show it: the finding's own place, or the manifest."""

    @property
    def rule(self) -> str:
        """The check that found it, or the control where no check did."""
        return self.finding.check if self.finding else self.claim.control

    @property
    def fingerprint(self) -> str:
        """A name that stays when lines move."""
        return self.finding.fingerprint if self.finding else f"{self.claim.control}:{self.kind}"

    @property
    def said(self) -> str:
        """The message, and before it that it could not be judged, where that is so."""
        unknown = self.kind == "unjudged" and self.finding is not None and self.finding.verdict == "unknown"
        return f"could not be judged: {self.message}" if unknown else self.message


def points(case: Case, within: str = "") -> Sequence[Point]:
    """Give every point of a case, the most urgent first.

    `within` is where the service lies in its repository: the places of the points are relative to the repository.
    """
    manifest = Place(file=manifest_of(case))
    found = [moved(point, within) for claim in case.claims for point in _of_claim(claim, manifest)]
    return sorted(found, key=urgency)


def urgency(point: Point) -> tuple[int, int, str, str, int, str, str]:
    """Order points: by kind, then the severest first, then by control and place."""
    place, severity = point.place, -SEVERITIES.index(point.severity)
    control = point.claim.control
    return KINDS.index(point.kind), severity, control, place.file, place.line, point.message, point.fingerprint


def manifest_of(case: Case) -> str:
    """Name the manifest's file, as the facts that it declares name it."""
    return next((fact.place.file for fact in case.facts if fact.origin == "declared" and fact.place), MANIFEST)


def moved(point: Point, within: str) -> Point:
    """Give a point with its place as seen from the repository."""
    if not within or posixpath.isabs(point.place.file):
        return point
    file = posixpath.normpath(posixpath.join(within, point.place.file))
    return point._replace(place=Place(file=file, line=point.place.line, column=point.place.column))


def because_of(claim: Claim) -> str:
    """Say why a claim stands where it stands: the last reason given."""
    return claim.because[-1] if claim.because else claim.state


def accepted_by(claim: Claim) -> str:
    """Say who accepts a claim, until when and why, as far as the case tells it.

    The claim's own `expires` is the end of whatever lapses first, which may be its evidence: it is not told here.
    """
    told = "; ".join(because for because in claim.because if because.startswith("accepted by "))
    return told or "accepted by an exception of the manifest, until its last day"


def _of_claim(claim: Claim, manifest: Place) -> Iterator[Point]:
    match standing(claim):
        case "contested":
            yield from (_of_finding("fails", claim, f, manifest) for f in claim.findings if f.verdict == "fail")
            yield from (_of_finding("unjudged", claim, f, manifest) for f in claim.findings if f.verdict == "unknown")
        case "accepted":
            failing = [f for f in claim.findings if f.verdict == "fail"]
            yield from (_of_finding("accepted", claim, f, manifest) for f in failing)
            if not failing:
                yield _of_itself("accepted", claim, manifest)
        case "unseen":
            yield _of_itself("unseen", claim, manifest)
        case "unsupported" | "stale":
            found = [f for f in claim.findings if f.verdict != "pass"]
            yield from (_of_finding("unjudged", claim, f, manifest) for f in found)
            if not found:
                yield _of_itself("unjudged", claim, manifest)


def _of_finding(kind: Kind, claim: Claim, finding: Finding, manifest: Place) -> Point:
    message = finding.message
    if kind == "unjudged" and finding.verdict == "fail":
        message = f"{message} ({because_of(claim)})"
    severity = finding.severity if finding.verdict == "fail" else claim.severity
    return Point(kind, claim, finding, severity, message, finding.mend, finding.place or manifest)


def _can_be_looked_at(claim: Claim) -> bool:
    """Say whether there is a check that would look; otherwise the word of a person is wanted."""
    control = catalogue().controls.get(claim.control)
    return claim.state == "stale" or bool(claim.looked or (control and any(page_of(check) for check in control.checks)))


def _of_itself(kind: Kind, claim: Claim, manifest: Place) -> Point:
    mend = next((f.mend for f in claim.findings if f.verdict != "pass" and f.mend), "")
    if not mend and kind != "accepted":
        mend = f"safecase {'assess --only' if _can_be_looked_at(claim) else 'attest'} {claim.control}"
    return Point(kind, claim, None, claim.severity, f"{claim.title}: {because_of(claim)}", mend, manifest)
