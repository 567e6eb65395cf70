"""`endpoint.origin`: model APIs are reached at addresses of approved vendors only."""

from __future__ import annotations

from collections.abc import Iterator

from safecase.checks import Context, check
from safecase.measures.supply_chain.vendors.used import addresses, judged
from safecase.readers.text import shown
from safecase.service.subjects import Repository
from safecase.vocabulary import Finding


@check(
    "endpoint.origin",
    control="SC-09",
    severity="high",
    reads=("models", "tools", "supply_chain", "deployment"),
    files=("supply_chain.vendor_register",),
)
def addresses_approved(repository: Repository, ctx: Context) -> Iterator[Finding]:
    """Model APIs are reached at addresses of approved vendors only.

    ## Why it matters
    A base URL decides who reads every prompt. Resellers and routers offer the same API at a lower price, and see, keep
    or change what passes; a changed variable is enough to send everything there.

    ## How it is checked
    Addresses of model APIs are collected from the code and the settings of the repository (arguments such as
    `base_url`, variables of the environment in Compose and Kubernetes files, settings of clients) and from the models
    of the manifest. Each must begin with one of the `endpoints` of a vendor in the register
    (`supply_chain.vendor_register`) that is neither rejected nor expired. An address within the machine or its own
    network is nobody else's. Plain HTTP to others fails. What a variable holds at run time, and what a proxy of the
    network does with the address, is not seen; no address is called.

    ## How to mend it
    Put the address under `endpoints` of the vendor that it belongs to, once that is examined; or use the vendor's own.

    ## References
    LLM04:2026; CWE-441; CWE-923; ISO/IEC 42001 A.10.3; NIST AI RMF 1.0 GOVERN 6.1.
    """
    found = judged(repository, ctx)
    if found.problem:
        finding = addresses_approved.unknown if found.nothing else addresses_approved.failed
        yield finding(repository, found.problem, rule="register", place=found.place, mend=found.mend)
        return
    fine = 0
    for address in addresses(found, ctx):
        if address.vendor:
            fine += 1
            continue
        yield addresses_approved.failed(
            repository,
            f"{shown(address.url, 120)} {address.why}",
            rule="endpoint.origin",
            key=address.url[:200],
            place=address.place,
            mend="use the address of an approved vendor, or give its own an entry under endpoints in the register",
        )
    if found.providers and not fine and not any(True for _ in addresses(found, ctx)):
        named = ", ".join(shown(name) for name in found.providers[:5])
        yield addresses_approved.passed(
            repository, f"no address is set: {named} are reached at the addresses that their own libraries have"
        )
    elif fine:
        yield addresses_approved.passed(repository, f"{fine} addresses belong to approved vendors")
    elif not found.providers:
        yield addresses_approved.unknown(
            repository,
            "no address of a model API was found",
            mend="name the provider under models:, and its addresses in the register of vendors",
            place=ctx.place("models"),
        )
