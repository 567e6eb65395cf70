"""`image.verify`: images are named by digest, signed, and free of grave flaws that are overdue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from safecase.checks import Context, check
from safecase.errors import CollectError
from safecase.readers.image_evidence import ImageFlaw, ImageReport, read_report, signed_digests
from safecase.readers.images import ImageUse, read_images
from safecase.readers.model_signatures import NotRead, read_key
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding, Place, Severity

MOST_TOLD = 100
MOST_NAMED = 8
OLDEST = timedelta(days=7)
DAYS: Mapping[Severity, int] = {"critical": 15, "high": 30}
"""Within how many days a flaw must be gone where `maintenance.sla_days` says nothing."""


@check(
    "image.verify",
    control="SC-13",
    severity="high",
    reads=("supply_chain.signers", "maintenance.sla_days"),
    files=("supply_chain.signers", "supply_chain.image_signatures", "supply_chain.image_reports"),
)
def images_verified(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Images are named by digest, signed by a key that counts, and free of grave flaws that are overdue.

    ## Why it matters
    A tag is a name that its owner, and whoever takes over the account, moves to other bytes at will. A digest is those
    bytes; a signature says who stands behind them; and an image that nobody looks at grows flaws by lying there.

    ## How it is checked
    **Digest**: every image of Kubernetes manifests (of whatever kind makes containers, volumes of images, changes by
    `images:` of a kustomization), of Compose files (those with `build` are yours), and every `FROM`, `COPY --from`,
    `RUN --mount=from` and `# syntax=` of Dockerfiles must end in `@sha256:…`. A floating tag is high, a tag that looks
    like a version medium. Variables without a default, and templates, are unknown.

    **Signature**: for each image that runs, one of `supply_chain.image_signatures` names its digest and was made by one
    of `supply_chain.signers`: lines that `cosign download signature IMAGE` prints, or Sigstore bundles with a statement
    of signing. The registry is not asked; without such a file it is unknown. Keyless signatures are not verified here.

    **Flaws**: for each image that runs, one of `supply_chain.image_reports` (`trivy image --format json`, or CycloneDX
    with vulnerabilities) is about its digest and at most seven days old. A flaw fails once the days of
    `maintenance.sla_days` since its publication are over: critical 15, high 30, others where you give them days. One
    whose day of publication is not told counts as overdue. Who made the report is not verified.

    ## How to mend it
    Pin by digest and let a bot raise it (`crane digest`, Renovate, Dependabot). Sign in the pipeline that builds, and
    keep what `cosign download signature` and `trivy image` print beside the manifests.

    ## References
    AML.M0013; AML.M0016; CWE-494; CWE-1395; NIST SP 800-190 4.1; SLSA 1.1; EU AI Act Art. 15(5).
    """
    images = read_images(ctx.root, repository.files)
    for reason in images.unread[:MOST_TOLD]:
        mend = "render or mend it, so that it can be looked at"
        yield images_verified.unknown(repository, f"not analysed: {reason}", rule="image.unread", key=reason, mend=mend)
    if not images.uses:
        if not images.unread:
            mend = "keep manifests or Compose files beside the code, or attest how images are verified"
            yield images_verified.unknown(repository, "no file names an image", rule="image.none", mend=mend)
        return
    floating = [finding for use in images.uses if (finding := _floating(repository, use))]
    yield from floating[:MOST_TOLD]
    run: dict[str, ImageUse] = {}
    for use in images.uses:
        if use.purpose == "run" and use.digest:
            run.setdefault(use.digest, use)
    open_points = [*_unsigned(repository, ctx, run), *_flawed(repository, ctx, run)]
    yield from open_points[: 3 * MOST_TOLD]
    if not floating and not open_points and not images.unread:
        told = f"{len(images.uses)} images are named by digest"
        told += f", and the {len(run)} that run are signed and free of overdue flaws" if run else ""
        yield images_verified.passed(repository, told, place=images.uses[0].place)


def _floating(repository: Repository, use: ImageUse) -> Finding | None:
    if use.digest:
        return None
    name = shown(use.reference, 160)
    if not use.resolved:
        mend = "write it out, or give the variable a default with a digest"
        return images_verified.unknown(
            repository, f"{name} holds a variable", rule="image.variable", key=use.reference, place=use.place, mend=mend
        )
    version = bool(use.tag) and any(sign.isdigit() for sign in use.tag) and use.tag != "latest"
    return images_verified.failed(
        repository,
        f"{name} is named by its tag"
        if use.tag
        else f"{name} is named without a tag, so that it is whatever is newest",
        rule="image.floating",
        key=use.reference,
        place=use.place,
        severity="medium" if version else "high",
        mend=f"pin it: {shown(use.reference.partition('@')[0], 120)}@sha256:…, as `crane digest` tells",
    )


def _unsigned(repository: Repository, ctx: Context, run: Mapping[str, ImageUse]) -> Iterator[Finding]:
    if not run:
        return
    chain = ctx.manifest.supply_chain
    mend = "keep what `cosign download signature IMAGE` prints in a file, and name it: supply_chain.image_signatures"
    if not chain.image_signatures or not chain.signers:
        missing = "supply_chain.image_signatures" if chain.signers else "supply_chain.signers"
        told = f"nothing tells whether the {len(run)} images that run are signed ({missing})"
        place = next(iter(run.values())).place
        yield images_verified.unknown(repository, told, rule="image.signature", place=place, mend=mend)
        return
    keys = [read_key(ctx.path(name), name) for name in chain.signers]
    signed: set[str] = set()
    for file in chain.image_signatures:
        try:
            signed |= signed_digests(ctx.path(file), keys)
        except NotRead as why:
            told = f"{shown(file)} does not count: {why.why}"
            again = "find out who made it; if the signer is yours, list the key under supply_chain.signers"
            yield images_verified.failed(
                repository, told, rule="image.signature", key=file, place=Place(file=file), mend=again
            )
    for digest, use in run.items():
        if digest not in signed:
            told = f"{shown(use.reference, 160)} is signed by none of supply_chain.signers"
            yield images_verified.failed(
                repository, told, rule="image.unsigned", key=digest, place=use.place, mend=f"sign it; {mend}"
            )


def _flawed(repository: Repository, ctx: Context, run: Mapping[str, ImageUse]) -> Iterator[Finding]:
    reports: list[tuple[str, ImageReport]] = []
    for file in ctx.manifest.supply_chain.image_reports if run else ():
        try:
            reports.append((file, read_report(ctx.path(file))))
        except (NotRead, CollectError) as fault:
            reason = fault.why if isinstance(fault, NotRead) else fault.message
            told = f"{shown(file)} was not read: {reason}"
            mend = "make it with `trivy image --format json IMAGE@sha256:…`"
            place = Place(file=file)
            yield images_verified.unknown(repository, told, rule="image.report", key=file, place=place, mend=mend)
    for digest, use in run.items():
        about = [(file, report) for file, report in reports if digest in report.digests]
        fresh = [one for one in about if one[1].made and ctx.now - OLDEST <= one[1].made <= ctx.now + OLDEST]
        if not fresh:
            why = "is older than seven days, or of no known day" if about else "names it by its digest"
            told = f"{'its only report' if about else 'no report'} {why}: {shown(use.reference, 160)}"
            yield images_verified.unknown(
                repository,
                f"nothing tells which flaws an image has: {told}",
                rule="image.report",
                key=digest,
                place=use.place,
                mend="scan it daily (`trivy image --format json`), and name the report: supply_chain.image_reports",
            )
        for file, report in fresh[:1]:
            yield from _overdue(repository, ctx, use, file, report.flaws)


def _overdue(
    repository: Repository, ctx: Context, use: ImageUse, file: str, flaws: Sequence[ImageFlaw]
) -> Iterator[Finding]:
    given = ctx.manifest.maintenance.sla_days
    by_severity: dict[Severity, list[ImageFlaw]] = {}
    for flaw in flaws:
        # A severity that nobody told may be the worst.
        severity: Severity = flaw.severity or "critical"
        limit = DAYS.get(severity) if severity == "info" else given.get(severity, DAYS.get(severity))
        if limit is not None and (flaw.published is None or ctx.now - flaw.published > timedelta(days=limit)):
            by_severity.setdefault(severity, []).append(flaw)
    for severity, found in by_severity.items():
        mended = sum(bool(flaw.fixed) for flaw in found)
        named = ", ".join(f"{shown(f.id, 40)} in {shown(f.package, 40)}" for f in found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        yield images_verified.failed(
            repository,
            f"{shown(use.reference, 120)} has {len(found)} {severity} flaws that are overdue: {named}{more}",
            rule="image.overdue",
            # A line for each flaw: a baseline that knows these does not know the next one.
            key="\n".join([f"{severity} {use.digest}", *sorted({shown(f.id, 80) for f in found})]),
            place=Place(file=file),
            severity=severity,
            mend=f"rebuild it on a newer base: {mended} of {len(found)} have a fix; accept the rest with an exception",
        )
