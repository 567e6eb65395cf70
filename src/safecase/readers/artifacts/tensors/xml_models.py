"""Models in XML (PMML, OpenVINO): what a parser would fetch or include, and what a runtime would load for them.

The parser is expat with nothing resolved: it stops at a document type. Where expat itself cannot go on, the bytes are
searched, in every width of character, since the next parser may be more lenient.
"""

from __future__ import annotations

import re
import xml.parsers.expat
from typing import BinaryIO, Final

from safecase.readers.artifacts.report import FileVerdict, Problems
from safecase.readers.text import shown

WINDOW: Final = 1024 * 1024
MOST_XML: Final = 1024 * WINDOW
MOST_DEPTH: Final = 1000
MOST_SNIFFED: Final = 16 * WINDOW

_BEGINS: Final = re.compile(rb"\A(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<[?!A-Za-z]")
_KINDS: Final = {"PMML": "pmml", "net": "openvino"}
_TAGS: Final = re.compile(rb"<(PMML|net)[\s>]")
_DECLARES: Final = re.compile(rb"<!(DOCTYPE|ENTITY)")
_INCLUDES: Final = ("http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude")
_TRANSFORMS: Final = ("http://www.w3.org/1999/XSL/Transform", "http://xml.apache.org/xalan/java")
_CODE: Final = re.compile(
    r"\bjavax?\.|Runtime\b.{0,100}exec|ProcessBuilder|Class\.forName|__import__|\bsubprocess\b|\bos\.(system|popen)|"
    r"\b(eval|exec|system)\s*\(|javascript:|<script|\b(file|jar|jndi|ldap|rmi|ftp)://|\bjndi:|\bpowershell\b|/bin/sh",
    re.IGNORECASE,
)
_NATIVE: Final = re.compile(r"(\.(so(\.\d+)*|dll|dylib|exe|py|jar)\Z)|^(/|\\\\|[A-Za-z]:[\\/]|file:|https?:)|\.\.[\\/]")
_NAMES_LIBRARY: Final = re.compile(
    r"(library|plugin|extension_?path|custom_?(lib|op)|kernel_?(file|path)|\.so)\Z", re.I
)
_TOKENIZERS: Final = frozenset(
    {
        "BPETokenizer", "BytesToChars", "CaseFold", "CharsMapNormalization", "CharsToBytes", "CombineSegments",
        "EqualStr", "FuzeRagged", "NormalizeUnicode", "RaggedToDense", "RaggedToRagged", "RaggedToSparse",
        "RegexNormalization", "RegexSplit", "SentencepieceDetokenizer", "SentencepieceStreamDetokenizer",
        "SentencepieceTokenizer", "SpecialTokensSplit", "StringTensorPack", "StringTensorUnpack", "StringToHashBucket",
        "TrieTokenizer", "Truncate", "UTF8Validate", "UnigramTokenizer", "VocabDecoder", "VocabEncoder",
        "WordpieceTokenizer",
    }
)  # fmt: skip
"""Operators of OpenVINO's own library for tokenizers."""

_OPSET: Final = re.compile(r"(opset\d{1,2}|experimental|util|ie_internal_opset|gpu_opset|type_relaxed_opset|)\Z")


class _Stop(Exception):  # noqa: N818 - ends the parse
    pass


def xml_kind(file: BinaryIO, size: int) -> str:
    """Name the model that XML is of by its first element; `unknown` where it is of none."""
    file.seek(0)
    roots: list[str] = []

    def told(name: str, *_: object) -> None:
        roots.append(name.rpartition(":")[2])
        raise _Stop

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = told
    # A document type names the element that follows it.
    parser.StartDoctypeDeclHandler = told
    try:
        for _ in range(0, min(size, MOST_SNIFFED), WINDOW):
            parser.Parse(file.read(WINDOW), False)
    except _Stop:
        return _KINDS.get(roots[0], "unknown")
    except (xml.parsers.expat.ExpatError, ValueError, LookupError):
        return _kind_by_letters(file, size)
    # So much before the first element is there to keep readers from it.
    return "pmml" if size > MOST_SNIFFED else "unknown"


def _kind_by_letters(file: BinaryIO, size: int) -> str:
    """Name the model by its first tag in bytes that expat cannot read, in whatever width of character."""
    file.seek(0)
    rest = b""
    for _ in range(0, min(size, MOST_SNIFFED), WINDOW):
        letters = rest + file.read(WINDOW).replace(b"\0", b"")
        if found := _TAGS.search(letters):
            return _KINDS[found[1].decode()]
        rest = letters[-16:]
    return "unknown"


def seems_xml(prefix: bytes) -> bool:
    """Say whether bytes begin as XML does, in any encoding that keeps its letters."""
    return _BEGINS.match(prefix[:64].replace(b"\0", b"")) is not None


def check_xml(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    """Note entities, inclusions and style sheets, and whatever names code."""
    reading = _Reading(problems, member)
    file.seek(0)
    try:
        for _ in range(0, min(size, MOST_XML), WINDOW):
            reading.feed(file.read(WINDOW))
        if size > MOST_XML:
            problems.add("xml.large", "error", f"only its first {MOST_XML} bytes were read", member=member)
        else:
            reading.feed(b"", last=True)
    except _Stop:
        return
    except (xml.parsers.expat.ExpatError, ValueError, LookupError) as why:
        _search(file, size, problems, member)
        problems.add("xml.broken", "error", f"it is no XML to its end: {shown(str(why))}", member=member)
    reading.tell_functions()


def _search(file: BinaryIO, size: int, problems: Problems, member: str) -> None:
    file.seek(0)
    rest = b""
    for _ in range(0, min(size, MOST_XML), WINDOW):
        # Wider characters are letters with zeros between them.
        window = rest + file.read(WINDOW).replace(b"\0", b"")
        if _DECLARES.search(window):
            _tell_entities(problems, member)
            return
        rest = window[-16:]


def _tell_entities(problems: Problems, member: str) -> None:
    message = "it declares a document type, whose entities a parser may read from files and addresses"
    problems.add("xml.entities", "malicious", message, member=member)


class _Reading:
    def __init__(self, problems: Problems, member: str) -> None:
        self._problems, self._member = problems, member
        self._depth, self._extension = 0, 0
        self._kind = ""
        self._layer = ""
        self._called: dict[str, int] = {}
        self._defined: set[str] = set()
        self._parser = parser = xml.parsers.expat.ParserCreate(namespace_separator="\n")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.buffer_text = True

    def feed(self, content: bytes, *, last: bool = False) -> None:
        self._parser.Parse(content, last)

    def _doctype(self, *_: object) -> None:
        _tell_entities(self._problems, self._member)
        raise _Stop

    def _entity(self, *_: object) -> None:
        self._doctype()

    def _instruction(self, target: str, data: str) -> None:
        if target.lower() == "xml-stylesheet":
            self._tell("xml.stylesheet", "suspicious", f"it asks for the style sheet {shown(data)}", data)
        elif target.lower() in ("php", "xsl", "xml-external", "mso-application"):
            self._tell("xml.instruction", "suspicious", f"it carries an instruction for {shown(target)}", target)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            self._tell("xml.depth", "suspicious", f"it is nested more than {MOST_DEPTH} deep", "")
            raise _Stop
        space, _, local = name.rpartition("\n")
        self._kind = self._kind or _KINDS.get(local, "other")
        if space in _INCLUDES or (local.lower() == "include" and "href" in attributes):
            message = f"it includes {shown(attributes.get('href', 'another file'))}"
            self._tell("xml.include", "malicious", message, attributes.get("href", ""))
        elif space.startswith(_TRANSFORMS) or local.lower() == "script":
            self._tell("xml.code", "suspicious", f"it holds code in the element {shown(local)}", local)
        if self._kind == "pmml":
            self._pmml(local, attributes)
        elif self._kind == "openvino":
            self._openvino(local, attributes)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._extension > self._depth:
            self._extension = 0

    def _text(self, text: str) -> None:
        if self._extension and _CODE.search(text[:100_000]):
            self._tell("xml.code", "suspicious", f"an extension of the model holds code: {shown(text.strip())}", "text")

    def _pmml(self, local: str, attributes: dict[str, str]) -> None:
        if local == "Extension":
            self._extension = self._extension or self._depth
        if self._extension:
            for value in attributes.values():
                if _CODE.search(value[:100_000]):
                    self._tell("xml.code", "suspicious", f"an extension of the model holds code: {shown(value)}", value)
        elif local == "Apply":
            function = attributes.get("function", "")
            if len(self._called) < 100_000 and ("." in function or ":" in function):
                self._called.setdefault(function, self._parser.CurrentByteIndex)
        elif local == "DefineFunction":
            self._defined.add(attributes.get("name", ""))
        elif local in ("TableLocator", "ModelVerification", "MiningBuildTask"):
            return

    def tell_functions(self) -> None:
        """Tell of functions that the model calls and does not define: a runtime takes them for names of classes."""
        for function, at in self._called.items():
            if function not in self._defined:
                message = f"it calls the function {shown(function)}, which a runtime loads by its name"
                self._problems.add(
                    "xml.function", "suspicious", message, offset=at, member=self._member, key=function[:200]
                )

    def _openvino(self, local: str, attributes: dict[str, str]) -> None:
        if local == "layer":
            self._layer = attributes.get("type", "")
            opset = attributes.get("version", "")
            if not _OPSET.match(opset) and self._layer not in _TOKENIZERS:
                message = (
                    f"the layer {shown(self._layer)} ({shown(opset)}) comes from a library that is no part of OpenVINO"
                )
                self._tell("xml.custom-layer", "suspicious", message, self._layer)
        elif local.lower() in ("extension", "extensions", "library", "customlayer", "customlayers", "plugin", "kernel"):
            self._tell("xml.library", "suspicious", f"it asks for native code by the element {shown(local)}", local)
        for key, value in attributes.items():
            names = _NAMES_LIBRARY.search(key.rpartition("\n")[2])
            if (names and value) or (
                _NATIVE.search(value[:4096])
                and local not in ("rt_info", "port", "edge")
                and key in ("path", "file", "location", "filename", "source", "src", "bin")
            ):
                message = f"it names the file {shown(value)} ({shown(key)}) for a runtime to load"
                self._tell("xml.library", "suspicious", message, value)

    def _tell(self, rule: str, says: FileVerdict, message: str, key: str) -> None:
        at = self._parser.CurrentByteIndex
        self._problems.add(rule, says, message, offset=max(0, at), member=self._member, key=key[:200])
