"""`reg.role`: the role under the law is said, and what else is said agrees with it."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.compliance.law_words import meant, quoted
from safecase.readers.text import shown
from safecase.service.subjects import Service
from safecase.vocabulary import Finding

CHANGES = ("rebrands", "substantially_modifies", "repurposes")
"""What makes a provider of a deployer, as `law:` says it."""


@check(
    "reg.role",
    control="RC-03",
    severity="medium",
    version=2,
    reads=("service.role", "service.users", "models", "deployment.hosting", "law"),
)
def role_consistent(service: Service, ctx: Context) -> Iterator[Finding]:
    """The role under the AI Act is said, and nothing else in the manifest speaks against it.

    ## Why it matters
    A provider owes documentation, assessment and monitoring; a deployer owes instructions followed and people told.
    Who trains a model further, hands software to others or sells under an own name can become a provider without
    noticing (Art. 25), and then owes all of it at once.

    ## How it is checked
    `service.role` is provider, deployer or both. `deployer` alone is doubted where a model is our own (`origin: own`),
    or is trained or tuned here, where the software is handed to others to run (`hosting: edge`), or where
    `law.rebrands`, `law.substantially_modifies` or `law.repurposes` is true: the finding says which, and an exception
    or the role `both` settles it. `provider` alone is doubted where staff of the same organisation use the service. It
    is unknown where one of the three words is neither true nor false or its key is misspelt, and where any value under
    `law:` is a text that means true or false ("false", no): a text counts as said, whatever it says. Whether a change
    is substantial is for people to say.

    ## How to mend it
    Set `service.role`, or write down in `exceptions:` why the role stays, with an owner and an end.

    ## References
    EU AI Act Art. 3(3), 3(4), 16, 25 and 26; NIST AI RMF 1.0 GOVERN 2.1; ISO/IEC 42001:2023 A.3.2.
    """
    role, place = ctx.manifest.service.role, ctx.place("service.role")
    unclear = tuple(_unclear(ctx))
    for key, told, mend in unclear:
        yield role_consistent.unknown(service, told, rule="law", key=key, mend=mend, place=ctx.place(key))
    if role is None:
        mend = f"say `role: provider`, `deployer` or `both` under service: in {ctx.manifest_path}"
        told = "the role under the law is not said"
        yield role_consistent.unknown(service, told, rule="role", mend=mend, place=place)
        return
    doubts = tuple(_doubts(ctx)) if role != "both" else ()
    for key, told in doubts:
        mend = "say `role: both`, or accept it in exceptions: with the reason why the role stays"
        yield role_consistent.failed(service, told, rule="role", key=key, mend=mend, place=ctx.place(key))
    if not doubts and not unclear:
        yield role_consistent.passed(service, f"the role is {role}, and nothing speaks against it", rule="role")


def _unclear(ctx: Context) -> Iterator[tuple[str, str, str]]:
    """What is said under `law:` in a way that decides otherwise than it reads: its key, what it is, and its mend."""
    law, seen = ctx.manifest.law, set()
    for key, text in quoted(law):
        if key not in seen:
            seen.add(key)
            told = f"{shown(key, 80)} is the text {shown(text, 20)}, not true or false"
            yield key, told, f"write true or false without quotes in {ctx.manifest_path}"
    for name in CHANGES:
        value = law.get(name)
        if value is not None and not isinstance(value, bool):
            key, told = f"law.{name}", f"law.{name} is {shown(str(value), 40)}, which is neither true nor false"
            if key not in seen:
                yield key, told, f"write true or false in {ctx.manifest_path}"
    for name, near in meant(law, CHANGES):
        told = f"law.{shown(name, 60)} is read by nothing; law.{near} is the nearest key that is"
        mend = f"write `{near}:` under law: in {ctx.manifest_path} if that is meant, or take it out"
        yield f"law.{name}", told, mend


def _doubts(ctx: Context) -> Iterator[tuple[str, str]]:
    manifest = ctx.manifest
    if manifest.service.role == "deployer":
        for number, model in enumerate(manifest.models):
            if model.training not in (None, "none"):
                yield (
                    f"models.{number}.training",
                    f"a deployer, and {model.id} is trained here ({model.training}): who trains may be a provider",
                )
            elif model.origin == "own":
                told = f"a deployer, and {shown(model.id)} is its own (origin: own): who develops it may be a provider"
                yield f"models.{number}.origin", told
        if manifest.deployment.hosting == "edge":
            told = "a deployer, and its software is handed to others to run: who hands it on may be a provider"
            yield "deployment.hosting", told
        for name in CHANGES:
            if manifest.law.get(name) is True:
                yield f"law.{name}", f"a deployer, and law.{name} is true: Art. 25 makes a provider of it"
    elif manifest.service.users.who == ("staff",):
        yield "service.users", "a provider, and only staff use it: then the organisation deploys it as well"
