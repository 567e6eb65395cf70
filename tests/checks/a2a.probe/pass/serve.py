"""An agent that verifies everything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.measures.agent_server import CARD, Rules, agent, pem_of, public_of, signed_card

TOKEN = "token-of-the-test"


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    sender, card_key = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    (folder / "researcher.pub").write_bytes(public_of(card_key))
    rules = Rules(TOKEN, {"safecase-probe": sender.public_key()}, ())
    with agent(rules, signed_card(CARD, card_key)) as url:
        yield {"RESEARCHER_URL": url, "PROBE_TOKEN": TOKEN, "PROBE_KEY": pem_of(sender)}
