"""`evidence.replay`: what was tested twice on the same subject gave the same verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from safecase.checks import Context, check
from safecase.evidence.log import Ledger
from safecase.evidence.record import Record, canonical
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding, Metric

MOST_TOLD: Final = 10


@check("evidence.replay", control="TV-18", severity="low", reads=("settings.ledger",))
def tests_repeatable(service: Service, ctx: Context) -> Iterator[Finding]:
    """A check that ran again on a subject with the same digest came to the same verdict.

    ## Why it matters
    A verdict that changes though nothing else did is chance, or a measurement of something that nobody wrote down.

    ## How it is checked
    The ledger of evidence holds for each run the check with its version, its parameters and the digests of what it
    looked at. Runs in which all of these are the same are compared: each of them must have ended in the same verdict.
    Runs that could not look (unreachable, too slow) and this check's own are left out. A pair of different verdicts
    fails and is named; where nothing ran twice, it is unknown. A pass and a fail of a measurement that lies close to
    its threshold is told as what it is: not repeatable.

    ## How to mend it
    Run a check again with `safecase assess --only CHECK`. Where verdicts differ: fix the seed, pin the model's version
    and set the temperature to 0, or give it more rows, so that its interval lies on one side of the threshold.

    ## References
    EU AI Act Art. 11; NIST AI RMF 1.0 MEASURE 2.1; ISO/IEC 42001:2023 A.6.2.7.
    """
    folder = ctx.manifest.settings.ledger
    twice = [runs for runs in _alike(Ledger(ctx.root / folder, below=ctx.root).read()) if len(runs) > 1]
    if not twice:
        mend = "run a check again on the same state: `safecase assess --only CHECK`"
        yield tests_repeatable.unknown(service, "nothing ran twice on the same subject yet", mend=mend)
        return
    differing = [runs for runs in twice if len({run.verdict for run in runs}) > 1]
    share = 1 - len(differing) / len(twice)
    ctx.measure(Metric(name="same_verdict_again", value=share, n=len(twice)))
    for runs in differing[:MOST_TOLD]:
        last = runs[-1]
        names = ", ".join(shown(subject.name, 60) for subject in last.subjects[:3])
        verdicts = ", ".join(f"{run.verdict} on {run.evaluated_at[:16]}" for run in runs[-3:])
        mend = "fix its seed and versions, or give it more rows; then run it again"
        key = f"{last.check}\n{names}"
        yield tests_repeatable.failed(
            service, f"{last.check} on {names}: {verdicts}", rule="differs", key=key, mend=mend
        )
    if not differing:
        told = f"{len(twice)} tests ran again on the same subject, each with the same verdict"
        yield tests_repeatable.passed(service, told)


def _alike(records: Iterable[Record]) -> list[list[Record]]:
    """Put runs together that looked at the same thing in the same way, in the order in which they ran."""
    found: dict[bytes, list[Record]] = defaultdict(list)
    for record in records:
        if record.transient or record.check == tests_repeatable.id or not record.subjects:
            continue
        subjects = [[subject.name, subject.sha256] for subject in record.subjects]
        same = [record.service, record.check, str(record.check_version), record.parameters, subjects]
        found[canonical(same)].append(record)
    return list(found.values())
