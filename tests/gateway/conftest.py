from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.upstream import Provider, running


@pytest.fixture(scope="module")
def provider_of_module() -> Iterator[Provider]:
    with running() as provider:
        yield provider


@pytest.fixture
def provider(provider_of_module: Provider) -> Provider:
    """A provider that has not been asked yet."""
    provider = provider_of_module
    provider.asked.clear()
    provider.answer = lambda _path, _body: {}
    provider.pieces, provider.pause, provider.status, provider.kind, provider.cancelled = None, 0.0, 200, "", 0
    return provider
