"""An exception whose last day lies ahead, whenever the test runs."""

from datetime import date, timedelta
from pathlib import Path


def build(folder: Path) -> None:
    last = date.today() + timedelta(days=90)
    (folder / "safecase.yaml").write_text(f"""\
safecase: 1
service: {{id: shop, owner: ada@shop.example}}
training:
  people: [{{id: ada, name: Ada, email: ada@shop.example, roles: [owner]}}]
exceptions:
  - control: SC-03
    owner: ada
    reason: The vendor ships safetensors with the release of next month.
    expires: "{last}"
""")
