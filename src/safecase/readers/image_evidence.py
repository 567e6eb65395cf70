"""What is known of a container image by its digest: signatures that were verified, and reports of its flaws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from safecase.errors import CollectError
from safecase.readers.model_signatures import PAYLOAD, Bundle, Key, NotRead, signer, signs
from safecase.readers.signed_statements import STATEMENTS, block, decoded, digests, envelope, json_object
from safecase.readers.text import shown
from safecase.vocabulary import SEVERITIES, Noun, Severity

MOST_BYTES: Final = 100 * 1024 * 1024
MOST_LINES: Final = 10_000
SIGNED: Final = "https://sigstore.dev/cosign/sign/v1"
"""The statement that an image was signed, of Sigstore bundles of images."""
_SIMPLE: Final = "cosign container image signature"
_SEVERITIES: Final[Mapping[str, Severity]] = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "moderate": "medium",
    "low": "low",
    "negligible": "info",
    "info": "info",
    "none": "info",
}


class ImageFlaw(Noun, frozen=True):
    """One flaw that a report tells of an image."""

    id: str
    package: str
    severity: Severity | None
    """None where the report tells none."""
    published: datetime | None
    fixed: str


class ImageReport(Noun, frozen=True):
    """What a scanner told of one image."""

    digests: frozenset[str]
    """By which the image is known: SHA-256 of its manifest, or of its index."""
    made: datetime | None
    flaws: tuple[ImageFlaw, ...]


def signed_digests(path: Path, keys: Sequence[Key]) -> frozenset[str]:
    """Give the digests of the images that one of the keys signed; NotRead where there is none, with the last reason.

    One document or one a line: a DSSE envelope or Sigstore bundle with a statement of signing, or what
    `cosign download signature` prints (a payload of the simple signing form, and its signature).
    """
    found: set[str] = set()
    reason = NotRead("it holds no signature of an image")
    for said in _documents(_read(path)):
        try:
            found |= _simple(said, keys) if "Base64Signature" in said else _statement(said, keys)
        except NotRead as why:
            reason = why
    if not found:
        raise reason
    return frozenset(found)


def _simple(said: Mapping[str, Any], keys: Sequence[Key]) -> frozenset[str]:
    payload, signature = decoded(said.get("Payload")), decoded(said.get("Base64Signature"))
    if not any(signs(key, signature, payload) for key in keys):
        raise NotRead("none of the keys in supply_chain.signers has made it")
    critical = block(json_object(payload) or {}, "critical")
    digest = block(critical, "image").get("docker-manifest-digest")
    if critical.get("type") != _SIMPLE or not isinstance(digest, str):
        raise NotRead("what was signed is no image")
    return frozenset({digest.removeprefix("sha256:").lower()})


def _statement(said: Mapping[str, Any], keys: Sequence[Key]) -> frozenset[str]:
    kind, payload, signatures = envelope(said)
    if signer(Bundle(payload=payload, payload_type=kind, signatures=signatures, keyless=False), keys) is None:
        raise NotRead("none of the keys in supply_chain.signers has made it")
    statement = json_object(payload)
    if kind != PAYLOAD or statement is None or statement.get("_type") not in STATEMENTS:
        raise NotRead("what was signed is no in-toto statement")
    if statement.get("predicateType") != SIGNED:
        raise NotRead(f"it states {shown(str(statement.get('predicateType')))}, and not that an image was signed")
    return frozenset(digests(statement.get("subject")))


def read_report(path: Path) -> ImageReport:
    """Read what Trivy tells as JSON, or a CycloneDX bill with vulnerabilities; raises NotRead where it is neither."""
    said = json_object(_read(path))
    if said is None:
        raise NotRead("it is no JSON object")
    if "Results" in said or "ArtifactName" in said:
        return _trivy(said)
    if said.get("bomFormat") == "CycloneDX":
        return _cyclonedx(said)
    raise NotRead("it is neither a report of Trivy (--format json) nor a CycloneDX bill")


def _trivy(said: Mapping[str, Any]) -> ImageReport:
    about = block(said, "Metadata")
    named = [str(one) for one in _list(about.get("RepoDigests"))] + [str(said.get("ArtifactName", ""))]
    flaws = [
        ImageFlaw(
            id=str(flaw.get("VulnerabilityID", "?")),
            package=str(flaw.get("PkgName", "?")),
            severity=_SEVERITIES.get(str(flaw.get("Severity")).lower()),
            published=_moment(flaw.get("PublishedDate")),
            fixed=str(flaw.get("FixedVersion") or ""),
        )
        for result in _objects(said.get("Results"))
        for flaw in _objects(result.get("Vulnerabilities"))
    ]
    return ImageReport(digests=_known_by(named), made=_moment(said.get("CreatedAt")), flaws=tuple(flaws))


def _cyclonedx(said: Mapping[str, Any]) -> ImageReport:
    if "vulnerabilities" not in said:
        raise NotRead("it is a bill without vulnerabilities")
    about = block(said, "metadata")
    image = block(about, "component")
    named = [str(image.get(key, "")) for key in ("purl", "version", "name")]
    names = {str(c.get("bom-ref")): str(c.get("name")) for c in _objects(said.get("components"))}
    flaws = []
    for one in _objects(said.get("vulnerabilities")):
        severities = [_SEVERITIES.get(str(r.get("severity")).lower()) for r in _objects(one.get("ratings"))]
        known = [severity for severity in severities if severity]
        affected = [str(a.get("ref")) for a in _objects(one.get("affects"))]
        flaws.append(
            ImageFlaw(
                id=str(one.get("id", "?")),
                package=", ".join(names.get(ref, ref) for ref in affected[:5]) or "?",
                severity=max(known, key=SEVERITIES.index) if known else None,
                published=_moment(one.get("published")),
                fixed="",
            )
        )
    return ImageReport(digests=_known_by(named), made=_moment(about.get("timestamp")), flaws=tuple(flaws))


def _known_by(names: Sequence[str]) -> frozenset[str]:
    """Find digests in `name@sha256:…`, `sha256:…` and package URLs (`pkg:oci/name@sha256%3A…`)."""
    found = set()
    for name in names:
        digest = name.replace("%3A", ":").replace("%3a", ":").partition("sha256:")[2][:64].lower()
        if len(digest) == 64 and all(sign in "0123456789abcdef" for sign in digest):
            found.add(digest)
    return frozenset(found)


def _moment(told: Any) -> datetime | None:  # as JSON has it
    try:
        # Go writes nanoseconds, which `fromisoformat` cuts off by itself.
        moment = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise CollectError(f"{shown(path.name)} cannot be read: {why.strerror}", mend="correct the path") from why
    if len(content) > MOST_BYTES:
        raise NotRead(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    return content


def _documents(content: bytes) -> Iterator[Mapping[str, Any]]:
    whole = json_object(content)
    for said in [whole] if whole else (json_object(line) for line in content.splitlines()[:MOST_LINES]):
        if said is not None:
            yield said


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
