"""Which vendors a service uses, by its manifest and its code, and how the register judges them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from safecase.checks import Context
from safecase.errors import ManifestError
from safecase.measures.supply_chain.vendors.register import Register, VendorEntry, read
from safecase.measures.supply_chain.vendors.standing import Standing, standings
from safecase.readers.uses import Use, find, known
from safecase.readers.uses.inventory import is_aside
from safecase.service.subjects import Repository
from safecase.vocabulary import Place

_APIS = ("llm_client", "llm_endpoint", "model")


class Judged(NamedTuple):
    """What is known of the vendors of a service; `problem` where nothing can be said."""

    problem: str = ""
    nothing: bool = False
    """There is no register at all, rather than a wrong one."""
    mend: str = ""
    place: Place | None = None
    register: Register | None = None
    vendors: tuple[Standing, ...] = ()
    """Those that the service uses."""
    unlisted: tuple[tuple[str, Place | None], ...] = ()
    """Used, and in no register."""
    providers: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()


class Address(NamedTuple):
    """An address of a model API, and whose it is."""

    url: str
    place: Place | None
    vendor: str
    """The approved vendor's id; empty where `why` says what is wrong."""
    why: str


def judged(repository: Repository, ctx: Context) -> Judged:
    """Judge every vendor that the service uses."""
    named = ctx.manifest.supply_chain.vendor_register
    if not named:
        return Judged(
            problem="there is no register of vendors",
            nothing=True,
            place=ctx.place("supply_chain"),
            mend="name one: `supply_chain: {vendor_register: vendors.yaml}`; see safecase supply vendors --help",
        )
    try:
        register = read(ctx.path(named), named)
    except ManifestError as why:
        first = why.faults[0]
        return Judged(problem=f"the register of vendors: {first.message}", mend=first.mend, place=first.place)
    uses = tuple(
        use
        for use in find(ctx.root, repository.files, weight_files=()).uses
        if use.kind in _APIS and use.confidence != "low" and not is_aside(use.path)
    )
    wanted = dict(_wanted(ctx, uses))
    entries = {name: _entry(register, name) for name in wanted}
    ids = {entry.id for entry in entries.values() if entry}
    every = standings(register, ctx.path(named).parent, ctx.now.date())
    return Judged(
        register=register,
        vendors=tuple(one for one in every if one.id in ids),
        unlisted=tuple((name, wanted[name]) for name, entry in entries.items() if entry is None),
        providers=tuple(wanted),
        uses=uses,
    )


def _wanted(ctx: Context, uses: tuple[Use, ...]) -> Iterator[tuple[str, Place | None]]:
    """Name every vendor with where it is named; the first place of each counts."""
    found: dict[str, Place | None] = {}
    for index, vendor in enumerate(ctx.manifest.supply_chain.vendors):
        found.setdefault(vendor.id, ctx.place(f"supply_chain.vendors.{index}"))
    for index, model in enumerate(ctx.manifest.models):
        if model.origin in ("provider", "vendor") and model.source:
            name = model.source.partition(":")[0] if "://" not in model.source else model.source
            found.setdefault(name.partition("/")[0] if "://" not in name else name, ctx.place(f"models.{index}"))
    for use in uses:
        if use.provider:
            found.setdefault(use.provider, Place(file=use.path, line=use.line))
    yield from found.items()


def _entry(register: Register, name: str) -> VendorEntry | None:
    plain = name.casefold()
    for vendor in register.vendors:
        if plain in {vendor.id.casefold(), vendor.name.casefold(), *(p.casefold() for p in vendor.provides)}:
            return vendor
        if "://" in name and any(_begins(name, endpoint) for endpoint in vendor.endpoints):
            return vendor
    return None


def addresses(found: Judged, ctx: Context) -> Iterator[Address]:
    """Give every address of a model API that is written down, each once, with the vendor whose it is."""
    seen: set[str] = set()
    for use in found.uses:
        url = use.name if "://" in use.name else ""
        if not url or url in seen or known.is_near(url):
            continue
        seen.add(url)
        yield _address(found, url, Place(file=use.path, line=use.line))
    for index, model in enumerate(ctx.manifest.models):
        if "://" in model.source and model.origin in ("provider", "vendor") and model.source not in seen:
            seen.add(model.source)
            yield _address(found, model.source, ctx.place(f"models.{index}"))


def _address(found: Judged, url: str, place: Place | None) -> Address:
    if not url.startswith("https://"):
        return Address(url, place, "", "is plain HTTP: everything on the way can read and change it")
    owners = [v for v in found.register.vendors if any(_begins(url, e) for e in v.endpoints)] if found.register else []
    if not owners:
        return Address(url, place, "", "belongs to no vendor of the register")
    standing = {one.id: one.status for one in found.vendors}
    for owner in owners:
        if standing.get(owner.id, "approved") not in ("rejected", "expired"):
            return Address(url, place, owner.id, "")
    return Address(url, place, "", f"belongs to {owners[0].id}, which is {standing[owners[0].id]}")


def _begins(url: str, start: str) -> bool:
    """Say whether an address lies below another one: by whole parts, so that no host continues another's name."""
    start = start.rstrip("/")
    return url == start or url.startswith(start + "/") or (url.startswith(start) and url[len(start)] in "?#")
