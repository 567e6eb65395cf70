"""Uses of AI in Python: imports, calls, decorators and literals by the syntax tree, never by words in a text."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from safecase.readers.uses import known
from safecase.readers.uses.python_calls import RUNS, uses_of_call, uses_of_tool
from safecase.readers.uses.use import Use

MODELISH = re.compile(
    r"(^|_)(models?|llm|engine|embedding|embeddings|deployment|reranker|checkpoint)(_|$)|model", re.IGNORECASE
)


_DIGEST = re.compile(r"((md5|sha1|sha256|sha512):)?[0-9a-f]{32,128}\Z", re.IGNORECASE)
_READER = f"Python {sys.version_info.major}.{sys.version_info.minor}"


class Unparsable(ValueError):  # noqa: N818  a word that reads well where it is caught
    """The text is not Python that this Python reads."""


class Module:
    """What the names of a module stand for: imports, what made a variable, constants."""

    def __init__(self, path: str, tree: ast.Module, *, is_local: Callable[[str], bool]) -> None:
        self.path = path
        self.nodes: list[ast.AST] = list(ast.walk(tree))
        self.names: dict[str, str] = {}
        self.made: dict[str, str] = {}
        self.texts: dict[str, tuple[str, int]] = {}
        self.libraries: dict[str, int] = {}
        """Modules that are imported, and the first line."""
        self._is_local = is_local
        self._only_types = {id(n) for node in self.nodes if _is_type_checking(node) for n in ast.walk(node)}
        self.functions = frozenset(n.name for n in self.nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        for node in self.nodes:
            self._import(node)
        for node in self.nodes:
            self._assign(node)

    @property
    def has_agents(self) -> bool:
        """Say whether an agent's library is imported here."""
        return any(known.known().libraries[name].kind == "agent" for name in self.libraries)

    def dotted(self, node: ast.AST) -> str:
        """Give what an expression is in dotted words (`openai.OpenAI.chat.completions.create`); empty if not known."""
        rest: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=value, attr=attr):
                    text = _plain(node)
                    if text in self.made:
                        return ".".join([self.made[text], *reversed(rest)])
                    rest.append(attr)
                    node = value
                case ast.Call(func=func):
                    node = func
                case ast.Await(value=value):
                    node = value
                case ast.Name(id=name):
                    start = self.names.get(name) or self.made.get(name)
                    return ".".join([start, *reversed(rest)]) if start else ""
                case _:
                    return ""

    def texts_of(self, node: ast.AST | None, depth: int = 0) -> Iterator[tuple[str, int]]:
        """Give the literals that an expression may stand for: itself, a constant, a default (`x or "y"`)."""
        match node:
            case ast.Constant(value=str() as text):
                yield text, node.lineno
            case ast.Name(id=name) if name in self.texts:
                yield self.texts[name]
            case ast.BoolOp(values=values) if depth < 4:
                for value in values:
                    yield from self.texts_of(value, depth + 1)
            case ast.IfExp(body=body, orelse=orelse) if depth < 4:
                yield from self.texts_of(body, depth + 1)
                yield from self.texts_of(orelse, depth + 1)
            case ast.Call(args=args, keywords=keywords) if depth < 4:
                for value in (*args, *(k.value for k in keywords if k.arg in ("default", "value"))):
                    yield from self.texts_of(value, depth + 1)

    def _import(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                for name in names:
                    top = name.name.partition(".")[0]
                    self._bound(name.asname or top, name.name if name.asname else top, name.name, node)
            case ast.ImportFrom(module=str() as module, names=names, level=0):
                for name in names:
                    dotted = f"{module}.{name.name}"
                    self._bound(name.asname or name.name, dotted, dotted, node)
            case ast.Call(func=func, args=[ast.Constant(value=str() as module), *_]):
                if self.dotted(func) == "importlib.import_module" or _plain(func) == "__import__":
                    self._uses(module, node)
            case ast.Assign(
                targets=[ast.Name(id=target)], value=ast.Call(func=func, args=[ast.Constant(value=str() as m), *_])
            ):
                if self.dotted(func) == "importlib.import_module" or _plain(func) == "__import__":
                    self.names[target] = m

    def _bound(self, name: str, stands_for: str, module: str, node: Any) -> None:
        if not self._is_local(module.partition(".")[0]):
            self.names[name] = stands_for
            self._uses(module, node)

    def _uses(self, module: str, node: Any) -> None:  # a statement or an expression: both have a line
        row = known.library_of(module)
        if row is not None and id(node) not in self._only_types:
            self.libraries.setdefault(row.name, node.lineno)

    def _assign(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, value)
            case ast.NamedExpr(target=target, value=value):
                self._bind(target, value)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, item.context_expr)
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                kind = self.dotted(annotation)
                if kind and known.library_of(kind):
                    self.made.setdefault(name, kind)

    def _bind(self, target: ast.AST, value: ast.AST) -> None:
        name = _plain(target)
        if not name:
            return
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            self.texts.setdefault(name, (value.value, value.lineno))
        kind = self.dotted(value)
        if kind and known.library_of(kind):
            self.made.setdefault(name, kind)


def parsed(text: str) -> ast.Module | None:
    """Give the syntax tree of Python source, or None where it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def read(
    path: str,
    text: str,
    *,
    lines: Sequence[int] = (),
    is_local: Callable[[str], bool] = lambda _: False,
    exists: Callable[[str], bool] = lambda _: False,
) -> tuple[Use, ...]:
    """Give the uses in Python source; `lines` maps its lines (from 1) to those of the file. Raises `Unparsable`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = Module(path, ast.parse(text), is_local=is_local)
            found = list(_uses(module, exists))
    except SyntaxError as why:
        raise Unparsable(f"{_READER} cannot read it ({why.msg}, line {_line(why.lineno or 1, lines)})") from why
    except (ValueError, RecursionError, MemoryError) as why:
        raise Unparsable(f"{_READER} cannot read it ({type(why).__name__})") from why
    moved = (_moved(use, lines) for use in found) if lines else iter(found)
    return tuple(sorted(dict.fromkeys(moved), key=lambda u: (u.line, u.kind, u.name, u.model)))


def _uses(module: Module, exists: Callable[[str], bool]) -> Iterator[Use]:
    for name, line in module.libraries.items():
        row = known.known().libraries[name]
        yield Use(
            kind=row.kind,
            name=row.name,
            path=module.path,
            line=line,
            provider=row.provider,
            makes=row.makes,
            hosting=row.hosting,
            because="" if not row.guessed else f"{row.name} is mostly used for that",
        )
    for node in module.nodes:
        match node:
            case ast.Call():
                yield from uses_of_call(module, node, exists)
                yield from _program(module, node)
                yield from _model_keywords(module, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from uses_of_tool(module, node)
                yield from _defaults(module, node)
            case ast.Assign(targets=[target], value=value):
                yield from _model_value(module, _last(target), value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _model_value(module, _last(target), value)
            case ast.Dict():
                yield from _dict(module, node)
            case ast.Subscript(value=value, slice=ast.Constant(value=str() as name)):
                if module.dotted(value) in ("os.environ", "environ"):
                    yield from _variable(module, name, node.lineno)
            case _:
                pass
    yield from _addresses(module)


def _model_keywords(module: Module, call: ast.Call) -> Iterator[Use]:
    for keyword in call.keywords:
        if keyword.arg and MODELISH.search(keyword.arg):
            for text, line in module.texts_of(keyword.value):
                yield from _named(module, text, line, by=keyword.arg)
    dotted = module.dotted(call.func)
    if dotted in ("os.environ.get", "os.getenv") and call.args and isinstance(call.args[0], ast.Constant):
        yield from _variable(module, str(call.args[0].value), call.lineno)
    # argparse: add_argument("--model", default="gpt-4o")
    options = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if any(MODELISH.search(option.strip("-").replace("-", "_")) for option in options if option.startswith("-")):
        for keyword in call.keywords:
            if keyword.arg == "default":
                for text, line in module.texts_of(keyword.value):
                    yield from _named(module, text, line, by="default")


def _defaults(module: Module, node: ast.AST) -> Iterator[Use]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    for argument, default in pairs:
        yield from _model_value(module, argument.arg, default)


def _model_value(module: Module, name: str, value: ast.AST) -> Iterator[Use]:
    if name and MODELISH.search(name):
        for text, line in module.texts_of(value):
            yield from _named(module, text, line, by=name)


def _named(module: Module, text: str, line: int, *, by: str) -> Iterator[Use]:
    row = known.model_name(text)
    if row is not None:
        yield Use(
            kind="model",
            name=by[:80],
            model=text,
            path=module.path,
            line=line,
            confidence="medium",
            provider=row.provider,
            makes="" if "embed" in text or "rerank" in text else row.makes,
            hosting=row.hosting or ("saas_api" if row.provider else "self_hosted"),
            origin="provider" if row.provider else "hub",
            pinned=known.is_dated(text),
        )


def _dict(module: Module, node: ast.Dict) -> Iterator[Use]:
    """A request written out (`{"model": "gpt-4o"}`), and tools as JSON for a model."""
    pairs: Mapping[str, ast.AST] = {
        key.value: value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    for key, value in pairs.items():
        yield from _model_value(module, key, value)
    kind = pairs.get("type")
    inside = pairs.get("function")
    if isinstance(kind, ast.Constant) and kind.value == "function" and isinstance(inside, ast.Dict):
        yield from _written_tool(module, inside)
    elif "input_schema" in pairs and "name" in pairs and "description" in pairs:
        yield from _written_tool(module, node)
    elif isinstance(kind, ast.Constant) and kind.value in ("image_url", "input_image") and len(pairs) > 1:
        yield Use(kind="source", name="images", path=module.path, line=node.lineno, makes="vlm")


def _written_tool(module: Module, node: ast.Dict) -> Iterator[Use]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "name":
            for name, line in module.texts_of(value):
                if not re.fullmatch(r"[\w.:-]{2,80}", name):
                    continue
                effect, why = known.effect_of(name)
                yield Use(
                    kind="tool", name=name[:80], path=module.path, line=line, effect=effect, because=why, origin="own"
                )


def _program(module: Module, call: ast.Call) -> Iterator[Use]:
    dotted = module.dotted(call.func)
    if not dotted.startswith(RUNS) or dotted.endswith(("Error", "Expired")):
        return
    if not any(isinstance(inner, ast.Call) for inner in ast.walk(call.func)):
        yield Use(kind="program", name=dotted[:80], path=module.path, line=call.lineno)


def _variable(module: Module, name: str, line: int) -> Iterator[Use]:
    if known.variable(name):
        yield Use(kind="env_var", name=name, path=module.path, line=line)


def _addresses(module: Module) -> Iterator[Use]:
    """URLs of known providers, where they are a value that is passed or kept; a docstring is neither."""
    for node in module.nodes:
        values: Sequence[ast.AST | None] = ()
        match node:
            case ast.Call(args=args, keywords=keywords):
                values = [*args, *(k.value for k in keywords)]
            case ast.Assign(value=value) | ast.AnnAssign(value=value):
                values = [value]
            case ast.Dict(values=held):
                values = list(held)
        for each in values:
            text = _start(each)
            if isinstance(each, ast.Constant):
                yield from _fetched(module, text, each.lineno, node)
            provider = known.host(text)
            if provider and isinstance(each, ast.expr):
                yield Use(
                    kind="llm_endpoint",
                    name=known.without_secrets(text),
                    path=module.path,
                    line=each.lineno,
                    provider=provider,
                    hosting="saas_api" if provider not in ("azure", "aws") else "managed_cloud",
                )


def _fetched(module: Module, text: str, line: int, node: ast.AST) -> Iterator[Use]:
    """A model's file that is fetched from an address; a digest beside it pins it."""
    if not text.startswith(("https://", "http://")) or len(text) > 400 or any(sign.isspace() for sign in text):
        return
    url = known.without_secrets(text)
    if url.lower().endswith(known.known().models.fetched):
        hub = "://huggingface.co/" in url
        beside = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
        digests = (t for value in beside for t, _ in module.texts_of(value))
        yield Use(
            kind="model",
            name="fetched",
            model=url,
            path=module.path,
            line=line,
            hosting="self_hosted",
            origin="hub" if hub else "third_party",
            pinned=any(_DIGEST.match(digest) for digest in digests) or None,
        )


def _start(node: ast.AST | None) -> str:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
            return text
    return ""


def _plain(node: ast.AST) -> str:
    """Give `name`, or `self.name`: what a variable is called."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            return f"{owner}.{attr}"
    return ""


def _last(node: ast.AST) -> str:
    return _plain(node).rpartition(".")[2]


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and _last(node.test) == "TYPE_CHECKING"


def _line(line: int, lines: Sequence[int]) -> int:
    return lines[min(line, len(lines)) - 1] if lines else line


def _moved(use: Use, lines: Sequence[int]) -> Use:
    import msgspec

    return msgspec.structs.replace(use, line=_line(use.line, lines))
