import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.artifacts.building import looked, rules, verdict

BODY = '<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">{}</PMML>'
NET = '<net name="n" version="11"><layers>{}</layers></net>'


def pmml(inside: str, before: str = "", declaration: str = '<?xml version="1.0"?>') -> bytes:
    return (declaration + before + BODY.format(inside)).encode()


ENTITY = '<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def test_plain_models_are_clean() -> None:
    extension = '<Extension name="repr" value="Pipeline(steps=[(1, Scaler())])"/><Extension>BINARY</Extension>'
    apply = '<DefineFunction name="my.f"/><Apply function="my.f"/><Apply function="lowercase"/>'
    assert looked(pmml(extension + apply)).format.name == "pmml"
    assert verdict(pmml(extension + apply)) == "clean"
    assert verdict(pmml("<!-- <!DOCTYPE PMML> --><![CDATA[<!ENTITY]]>")) == "clean"
    assert verdict(pmml("", declaration="\ufeff<?xml version='1.0'?>")) == "clean"
    layers = '<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1" path_x="a"/></layer>'
    assert looked(NET.format(layers).encode()).format.name == "openvino"
    assert verdict(NET.format(layers).encode()) == "clean"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_a_document_type_is_malicious_in_any_encoding(encoding: str) -> None:
    for padding in ("", "<!--" + "x" * 1_100_000 + "-->"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>{padding}{ENTITY}{BODY.format("")}'
        found = looked(text.encode(encoding), "model.pmml")
        assert (found.format.name, found.verdict) == ("pmml", "malicious")


def test_a_document_type_is_found_where_the_document_is_broken() -> None:
    assert verdict(b"<PMML><a></b>" + ENTITY.encode()) == "malicious"
    assert verdict(pmml("<open>")) == "error"


@pytest.mark.parametrize(
    ("content", "rule", "expected"),
    [
        (pmml('<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'), "xml.include", "malicious"),
        (pmml("", before='<?xml-stylesheet href="http://x/y.xsl"?>'), "xml.stylesheet", "suspicious"),
        (pmml('<Apply function="com.their.Function"/>'), "xml.function", "suspicious"),
        (pmml("<Extension><script>run()</script></Extension>"), "xml.code", "suspicious"),
        (pmml('<Extension name="x" value="java.lang.Runtime.getRuntime().exec(1)"/>'), "xml.code", "suspicious"),
        (pmml("<Extension>__import__('os')</Extension>"), "xml.code", "suspicious"),
        (
            NET.format('<layer id="0" type="Run" version="extension"/>').encode(),
            "xml.custom-layer",
            "suspicious",
        ),
        (NET.format('<layer id="0" type="Run" version="theirs"/>').encode(), "xml.custom-layer", "suspicious"),
        (NET.format('<extension path="/x/their.so"/>').encode(), "xml.library", "suspicious"),
        (NET.format('<layer type="A" version="opset1" library="x.so"/>').encode(), "xml.library", "suspicious"),
    ],
)
def test_what_leads_out_of_the_model_is_told(content: bytes, rule: str, expected: str) -> None:
    assert rule in rules(content)
    assert verdict(content) == expected


def test_tokenizers_of_openvino_are_clean() -> None:
    assert verdict(NET.format('<layer type="StringTensorUnpack" version="extension"/>').encode()) == "clean"


def test_other_xml_is_no_model() -> None:
    assert looked(b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "y"><svg/>', "a.svg").verdict == "clean"


def test_depth_without_end_is_suspicious() -> None:
    assert "xml.depth" in rules(pmml("<a>" * 5000))


@settings(deadline=None, max_examples=200)
@given(at=st.integers(0, 200), noise=st.binary(max_size=12))
def test_damaged_documents_end_in_a_verdict(at: int, noise: bytes) -> None:
    seed = pmml('<Extension>x</Extension><Apply function="a.b"/>')
    looked(seed[:at] + noise + seed[at + len(noise) :], "m.pmml")
