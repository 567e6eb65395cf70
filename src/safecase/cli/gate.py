"""`safecase gate`: assess, and say go or no-go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from safecase.cli.options import format_option, output_option, run_options, service_argument

TARGET_BRANCH = (("GITHUB_BASE_REF", "origin/"), ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "origin/"))
"""Where pipelines say which branch a change is to be merged into."""


@click.command()
@service_argument
@click.option(
    "--profile", type=click.Choice(["starter", "standard", "strict"]), help="How much it asks (else the policy's)."
)
@click.option(
    "--policy",
    metavar="REV|FILE",
    help="Take the rules from this revision or manifest; in a pull request, from its target.",
)
@click.option("--baseline", type=click.Path(path_type=Path), help="Only gaps that are not in FILE block.")
@click.option("--new-service", is_flag=True, help="The policy's revision need not know this service yet.")
@click.option("--key", metavar="FILE|ID", help="The ledger must be signed by this key.")
@run_options
@format_option
@output_option
def gate(
    service: Path | None,
    profile: str | None,
    policy: str | None,
    baseline: Path | None,
    new_service: bool,
    key: str | None,
    form: str,
    outputs: tuple[Path, ...],
    **wishes: Any,
) -> int:
    """Assess the service and say whether it may go: exit 0 yes, 1 no, 3 it could not be judged.

    The rules (profile, exceptions, attestations, baseline, settings of checks) come from --policy, so that a change
    cannot wave itself through; in a pull request of GitHub or GitLab that is the target branch by default. A service
    that it does not know yet could not be judged, unless --new-service says that it is one.

    \b
    Examples:
      safecase gate --profile starter
      safecase gate --policy origin/main --format json
      safecase gate --baseline safecase-baseline.json
    """
    from safecase.cli import assessing, console, gating, output

    output.writable(outputs)
    described = assessing.found(service)
    rules = gating.policy_of(described, policy or _target_branch())
    judged = gating.judge(
        described, rules, assessing.wishes(**wishes), profile=profile, baseline=baseline, key=key, new=new_service
    )
    extra = gating.as_json(judged.answer)
    output.remember(judged.case, judged.prepared)
    if form == "text":
        output.give(judged.case, judged.prepared, form="", outputs=outputs, extra=extra)
        console.result(gating.as_text(judged.case, judged.answer))
    else:
        output.give(judged.case, judged.prepared, form=form, outputs=outputs, extra=extra)
    return judged.answer.exit_code


def _target_branch() -> str | None:
    return next((prefix + os.environ[name] for name, prefix in TARGET_BRANCH if os.environ.get(name)), None)
