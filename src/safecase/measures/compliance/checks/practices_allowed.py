"""`reg.art5`: the service comes near no practice that the law forbids."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.compliance.applying import facts_here
from safecase.measures.compliance.law_words import is_denial, meant
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding

QUESTIONS = (
    ("law.biometric", "infers emotions, sorts by protected traits or recognises people at a distance", "none"),
    ("law.social_scoring", "rates people over time by how they behave, to their detriment elsewhere", "false"),
    ("law.predicts_crime", "predicts crimes of persons by their traits alone", "false"),
    ("law.manipulates", "steers people below their awareness, or by their age, disability or need", "false"),
    ("law.scrapes_faces", "builds a database of faces from the net or from cameras", "false"),
)
"""What a manifest says under `law:`, what it means, and the word that excludes it."""

PRACTICES = (*(key.removeprefix("law.") for key, _, _ in QUESTIONS), "safeguards_ncii_csam")


@check("reg.art5", control="RC-02", severity="critical", version=2, reads=("law",))
def practices_allowed(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Each practice that the AI Act forbids is excluded by a word of the manifest.

    ## Why it matters
    A forbidden practice costs the highest fine there is and cannot be mended by documents: it has to end. Most come
    about by a feature that nobody held against the list: a camera's new model also guesses moods.

    ## How it is checked
    Facts that come near a practice fail: a domain or a `law.biometric` that means emotions, categories or remote
    identification. Beyond that the manifest must exclude each practice by a word under `law:` (`social_scoring:
    false`, `predicts_crime: false`, `manipulates: false`, `scrapes_faces: false`, and where biometric data is handled
    `biometric: verification` or `none`). What is not said is unknown; what is true fails. A key that nothing reads and
    that looks like one of these (`social_scorring`), and a "false" that is a text, exclude nothing and are named. For
    generated pictures and sound, `law.safeguards_ncii_csam: true` says that sexual depictions of real people and of
    children are kept out (forbidden from 2026-12-02); whether they are, AI-19 tests. Exceptions of the law (medical,
    safety, law enforcement) are for people to judge: an exception in `exceptions:` records that.

    ## How to mend it
    Say the words that are true. Where a practice is near, take the feature out, or let somebody who knows the law
    decide and record it.

    ## References
    EU AI Act Art. 5 as amended by (EU) 2026/1744; ISO/IEC 42001:2023 A.5.4.
    """
    facts, law = facts_here(ctx), ctx.manifest.law
    near = facts.outcome("prohibited")
    if near is not None and near.value:
        keys = ", ".join(near.because)
        mend = "take it out, or let somebody who knows the law decide, and record that in exceptions:"
        place = ctx.place(near.because[0]) if near.because else None
        told = f"near a forbidden practice, by {keys}"
        yield practices_allowed.failed(repository, told, rule="near", key=keys, mend=mend, place=place)
    elif near is not None and near.value is None and near.missing:
        told = f"whether a forbidden practice is near is open: {', '.join(near.missing)} would decide it"
        mend = f"say {near.missing[0]} in {ctx.manifest_path}"
        place = ctx.place(near.missing[0])
        yield practices_allowed.unknown(repository, told, rule="near", mend=mend, place=place)
    biometric = facts.outcome("biometric")
    for key, means, word in QUESTIONS:
        unsaid = law.get(key.removeprefix("law.")) is None
        if key == "law.biometric" and unsaid and biometric is not None and biometric.value is False:
            continue
        yield _answer(repository, ctx, key, means, word)
    yield from _misspelt(repository, ctx)
    synthetic = facts.outcome("synthetic")
    if synthetic is not None and synthetic.value is not False:
        kept_out = law.get("safeguards_ncii_csam")
        told = "sexual depictions of real people and of children are kept out"
        if kept_out is True:
            yield practices_allowed.passed(repository, told, rule="depiction")
        else:
            mend = f"build the safeguards, then say `law: {{safeguards_ncii_csam: true}}` in {ctx.manifest_path}"
            place = ctx.place("law")
            yield practices_allowed.unknown(repository, f"whether {told}", rule="depiction", mend=mend, place=place)


def _misspelt(repository: Repository, ctx: Context) -> Iterator[Finding]:
    for key, near in meant(ctx.manifest.law, PRACTICES):
        place = ctx.place(f"law.{key}")
        told = f"law.{shown(key, 60)} is read by nothing; law.{near} is the nearest key that is"
        mend = f"write `{near}:` under law: in {ctx.manifest_path} if that is meant, or take it out"
        yield practices_allowed.unknown(repository, told, rule="key", key=key, mend=mend, place=place)


def _answer(repository: Repository, ctx: Context, key: str, means: str, word: str) -> Finding:
    value = ctx.manifest.law.get(key.removeprefix("law."))
    place = ctx.place(key)
    if value is None:
        mend = f"say `{key.removeprefix('law.')}: {word}` under law: in {ctx.manifest_path}, if that is so"
        return practices_allowed.unknown(
            repository, f"whether it {means} is not said ({key})", rule="practice", key=key, mend=mend, place=place
        )
    if isinstance(value, str) and is_denial(value):
        told = f"{key} is the text {shown(value, 20)}, which excludes nothing"
        mend = f"write `{key.removeprefix('law.')}: {word}` without quotes under law: in {ctx.manifest_path}"
        return practices_allowed.unknown(repository, told, rule="practice", key=key, mend=mend, place=place)
    if value is False or (key == "law.biometric" and value in (word, "verification")):
        return practices_allowed.passed(repository, f"{key} excludes that it {means}", rule="practice", key=key)
    mend = "end the practice, or let somebody who knows the law decide, and record that in exceptions:"
    return practices_allowed.failed(repository, f"it {means} ({key})", rule="practice", key=key, mend=mend, place=place)
