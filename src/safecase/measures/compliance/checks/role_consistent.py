"""`reg.role`: the role under the law is said, and what else is said agrees with it."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.service.subjects import Service
from safecase.vocabulary import Finding


@check("reg.role", control="RC-03", severity="medium", reads=("service.role", "models", "deployment.hosting", "law"))
def role_consistent(service: Service, ctx: Context) -> Iterator[Finding]:
    """The role under the AI Act is said, and nothing else in the manifest speaks against it.

    ## Why it matters
    A provider owes documentation, assessment and monitoring; a deployer owes instructions followed and people told.
    Who trains a model further, hands software to others or sells under an own name can become a provider without
    noticing (Art. 25), and then owes all of it at once.

    ## How it is checked
    `service.role` is provider, deployer or both. `deployer` alone is doubted where a model is trained or tuned here,
    where the software is handed to others to run (`hosting: edge`), or where `law.rebrands`,
    `law.substantially_modifies` or `law.repurposes` is true: the finding says which, and an exception or the role
    `both` settles it. `provider` alone is doubted where staff of the same organisation use the service. Whether a
    change is substantial is for people to say.

    ## How to mend it
    Set `service.role`, or write down in `exceptions:` why the role stays, with an owner and an end.

    ## References
    EU AI Act Art. 3(3), 3(4), 16, 25 and 26; NIST AI RMF 1.0 GOVERN 2.1; ISO/IEC 42001:2023 A.3.2.
    """
    manifest = ctx.manifest
    role, place = manifest.service.role, ctx.place("service.role")
    if role is None:
        mend = f"say `role: provider`, `deployer` or `both` under service: in {ctx.manifest_path}"
        told = "the role under the law is not said"
        yield role_consistent.unknown(service, told, rule="role", mend=mend, place=place)
        return
    doubts = tuple(_doubts(ctx)) if role != "both" else ()
    for key, told in doubts:
        mend = "say `role: both`, or accept it in exceptions: with the reason why the role stays"
        yield role_consistent.failed(service, told, rule="role", key=key, mend=mend, place=ctx.place(key))
    if not doubts:
        yield role_consistent.passed(service, f"the role is {role}, and nothing speaks against it", rule="role")


def _doubts(ctx: Context) -> Iterator[tuple[str, str]]:
    manifest = ctx.manifest
    if manifest.service.role == "deployer":
        for number, model in enumerate(manifest.models):
            if model.training not in (None, "none"):
                yield (
                    f"models.{number}.training",
                    f"a deployer, and {model.id} is trained here ({model.training}): who trains may be a provider",
                )
        if manifest.deployment.hosting == "edge":
            told = "a deployer, and its software is handed to others to run: who hands it on may be a provider"
            yield "deployment.hosting", told
        for name in ("rebrands", "substantially_modifies", "repurposes"):
            if manifest.law.get(name) is True:
                yield f"law.{name}", f"a deployer, and law.{name} is true: Art. 25 makes a provider of it"
    elif manifest.service.users.who == ("staff",):
        yield "service.users", "a provider, and only staff use it: then the organisation deploys it as well"
