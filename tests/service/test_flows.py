"""The data-flow diagram follows from the manifest, declared or not, and is drawn as SVG that any reader can parse."""

import xml.etree.ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecase.export.flow_svg import svg
from safecase.service.flows import MOST_PARTS, diagram
from safecase.service.schema import Manifest
from safecase.vocabulary import Diagram, DiagramFlow, DiagramPart, DiagramZone

SVG = "{http://www.w3.org/2000/svg}"


def manifest(**blocks: object) -> Manifest:
    return msgspec.convert({"safecase": 1, "service": {"id": "bot"}, **blocks}, Manifest)


DECLARED = manifest(
    zones=[{"id": "cloud", "owner": "provider", "trust": 40}, {"id": "net", "owner": "public", "trust": 0}],
    components=[{"id": "app", "type": "app"}, {"id": "llm", "type": "model", "zone": "cloud"}],
    flows=[{"from": "net", "to": "app", "untrusted": True, "data": []}, {"from": "app", "to": "llm"}],
)


def test_declared_components_and_flows_are_the_diagram() -> None:
    drawn = diagram(DECLARED)
    assert drawn.declared
    assert [zone.id for zone in drawn.zones] == ["net", "cloud", "ours"], "the least trusted first"
    assert [(part.id, part.zone) for part in drawn.parts] == [("app", "ours"), ("llm", "cloud"), ("net", "net")]
    assert [(flow.source, flow.target, flow.untrusted) for flow in drawn.flows] == [
        ("net", "app", True),
        ("app", "llm", None),
    ]


def test_without_components_it_is_drawn_from_what_else_is_said() -> None:
    drawn = diagram(
        manifest(
            deployment={"exposure": "public", "hosting": "saas_api"},
            models=[{"id": "gpt", "origin": "provider"}],
            rag={"sources": [{"id": "web", "trust": "untrusted"}]},
            tools=[{"id": "mail", "effect": "send", "origin": "third_party", "untrusted": True}],
            memory={"kind": "persistent"},
        )
    )
    assert not drawn.declared
    zones = {part.id: part.zone for part in drawn.parts}
    assert zones == {
        "service": "ours",
        "users": "outside",
        "model gpt": "provider",
        "source web": "outside",
        "tool mail": "provider",
        "memory": "ours",
    }
    assert {flow.source for flow in drawn.flows if flow.untrusted} == {"users", "source web", "tool mail"}


def test_a_picture_has_a_box_for_each_part_and_a_line_for_each_flow() -> None:
    drawn = diagram(DECLARED)
    picture = ET.fromstring(f'<x xmlns="http://www.w3.org/2000/svg">{svg(drawn)}</x>')
    assert len(picture.findall(f".//{SVG}g[@class='zone']")) == len(drawn.zones)
    lines = [path for path in picture.iter(f"{SVG}path") if "flow" in path.get("class", "")]
    assert len(lines) == len(drawn.flows)
    assert [line.get("class") for line in lines].count("flow untrusted") == 1


def test_more_parts_than_a_picture_can_hold_are_left_out() -> None:
    tools = [{"id": f"t{n}", "effect": "read"} for n in range(3 * MOST_PARTS)]
    assert len(diagram(manifest(tools=tools)).parts) == MOST_PARTS


names = st.text(max_size=20)


@pytest.mark.filterwarnings("ignore")
@given(
    st.lists(names, min_size=1, max_size=5, unique=True),
    st.lists(st.tuples(names, names), max_size=6),
    st.lists(st.tuples(names, names, names, st.none() | st.booleans()), max_size=10),
)
def test_any_names_give_a_well_formed_picture(
    zones: list[str], parts: list[tuple[str, str]], flows: list[tuple[str, str, str, bool | None]]
) -> None:
    drawn = Diagram(
        zones=tuple(DiagramZone(id=zone, title=zone, trust=n) for n, zone in enumerate(zones)),
        parts=tuple({i: DiagramPart(id=i, title=i, kind=k, zone=zones[0]) for i, k in parts}.values()),
        flows=tuple(DiagramFlow(source=a, target=b, data=(d,), untrusted=u) for a, b, d, u in flows),
        declared=True,
    )
    ET.fromstring(f'<x xmlns="http://www.w3.org/2000/svg">{svg(drawn)}</x>')
