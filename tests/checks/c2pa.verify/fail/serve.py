"""An endpoint that signs nothing."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from tests.targets.servers import Response, serving

PICTURE = Path(__file__).parents[3] / "readers" / "media_samples" / "plain.png"


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    body = json.dumps({"data": [{"b64_json": base64.b64encode(PICTURE.read_bytes()).decode()}]}).encode()
    with serving(lambda _: Response(200, body)) as url:
        yield {"PAINTER_URL": url}
