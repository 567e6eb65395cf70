"""Campaigns over many services: each is one run of the engine, in a process of its own, here or on a Ray cluster."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec

from safecase.errors import SafecaseError, UsageError
from safecase.measures.testing.attacking import Result, attack_described, chosen
from safecase.measures.testing.campaign import Plan
from safecase.targets.described import Described
from safecase.vocabulary import Noun

EXTRA: Final = "ray"


class Job(Noun, frozen=True):
    """One service to attack."""

    name: str
    target: Described
    root: str
    """The folder of its references."""
    plan: Plan
    only: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    journal: str = ""


class Done(Noun, frozen=True):
    """What came of it."""

    name: str
    results: tuple[Result, ...] = ()
    calls: int = 0
    error: str = ""
    """Why there are no results."""


def run_job(content: bytes) -> bytes:
    """Run a job, both as MessagePack: what a worker is given, and what it gives back. Never raises for the target."""
    job = msgspec.msgpack.decode(content, type=Job)
    try:
        campaign, results = asyncio.run(
            attack_described(
                job.target,
                chosen(job.only),
                job.plan,
                root=Path(job.root),
                owned=job.owned,
                journal=Path(job.journal) if job.journal else None,
                tell=lambda _counted, _in_flight: None,
            )
        )
    except SafecaseError as why:
        return msgspec.msgpack.encode(Done(name=job.name, error=str(why)))
    return msgspec.msgpack.encode(Done(name=job.name, results=results, calls=campaign.calls))


def here(jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """Run jobs in so many processes of this machine; yields them as they end."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(run_job, msgspec.msgpack.encode(job)) for job in jobs]
        for one in as_completed(running):
            yield msgspec.msgpack.decode(one.result(), type=Done)


def on_ray(jobs: Sequence[Job], address: str) -> Iterator[Done]:
    """Run jobs on a Ray cluster: at `address`, or one that is started here where it is empty.

    The cluster's machines need the same Safecase, and the environment that the targets' references name. Raises
    `UsageError` where Ray is not installed, or the cluster does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers, and nobody asked for that
    try:
        import ray
    except ImportError as why:
        raise UsageError("Ray is not installed", mend=f"pip install 'safecase[{EXTRA}]'") from why
    try:
        ray.init(address=address or "local", include_dashboard=False, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as why:
        mend = "see that the cluster runs, and that its address is host:port"
        raise UsageError(f"no Ray cluster answers: {why}", mend=mend) from why
    try:
        remote: Any = ray.remote(max_retries=1)(run_job)
        waiting = {remote.remote(msgspec.msgpack.encode(job)): job for job in jobs}
        while waiting:
            (ended,), _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(ended)
            try:
                yield msgspec.msgpack.decode(ray.get(ended), type=Done)
            except ray.exceptions.RayError as why:
                yield Done(name=job.name, error=f"its worker was lost ({type(why).__name__})")
    finally:
        ray.shutdown()
