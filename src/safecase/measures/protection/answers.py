"""Where a model's answer goes in a Python file: from the call that gave it to what would run or render it.

First form, on purpose narrow: within one function (or the top of a module), through assignments, expressions, loops and
functions of the same file that return an answer. What crosses files, objects or containers kept elsewhere is not seen.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

MOST_ROUNDS = 4

_Scope: TypeAlias = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef

LIBRARIES = frozenset({
    "openai", "anthropic", "litellm", "langchain", "langchain_core", "langchain_openai", "langchain_anthropic",
    "langchain_community", "langchain_ollama", "langgraph", "llama_index", "ollama", "google", "cohere", "mistralai",
    "groq", "together", "transformers", "huggingface_hub", "llama_cpp", "vllm", "boto3", "pydantic_ai", "dspy",
    "replicate",
})  # fmt: skip
"""Packages one of which a file imports before a general word such as `invoke` counts as a model's call."""

_SURE = ("chat.completions.create", "chat.completions.parse", "chat.completions.acreate", "ChatCompletion.create")
_WITH_LIBRARY = (
    "completions.create", "responses.create", "responses.parse", "messages.create", "generate_content",
    "generate_content_async", "litellm.completion", "litellm.acompletion", "ollama.chat", "ollama.generate",
    "text_generation", "chat_completion", "create_chat_completion", "invoke_model", "converse", "chat.complete",
    "chat.send_message", "chat_session.send_message", "replicate.run",
)  # fmt: skip
_CHAIN_WORDS = frozenset({"invoke", "ainvoke", "predict", "apredict", "stream", "astream", "complete", "acomplete"})
_CHAIN_LIBRARIES = ("langchain", "langgraph", "llama_index")

_CLEAN = frozenset({
    "int", "float", "bool", "len", "hash", "isinstance", "html.escape", "markupsafe.escape", "shlex.quote",
    "bleach.clean", "nh3.clean", "ast.literal_eval", "print", "type", "id",
})  # fmt: skip
"""What comes out of these is no longer the answer's text, or can do no harm."""

_RUNS = frozenset({
    "builtins.eval", "builtins.exec", "pickle.loads",
    "eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
    "importlib.import_module", "__import__", "asyncio.create_subprocess_shell",
})  # fmt: skip
_PROGRAMS = frozenset({"subprocess.run", "subprocess.call", "subprocess.Popen", "subprocess.check_output",
                       "subprocess.check_call", "asyncio.create_subprocess_exec"})  # fmt: skip
_DATABASES = frozenset({
    "sqlite3", "psycopg", "psycopg2", "asyncpg", "sqlalchemy", "sqlmodel", "pymysql", "MySQLdb", "mysql", "duckdb",
    "oracledb", "databases", "django", "snowflake", "pyodbc", "aiosqlite", "clickhouse_connect",
})  # fmt: skip
_DATABASE = re.compile(r"cur|conn|db|sql|session|engine|database|transaction|tx", re.IGNORECASE)
"""What the thing is called that executes a query; other things execute as well."""
_QUERIES = frozenset({"execute", "executemany", "executescript", "raw", "read_sql", "read_sql_query"})
_PAGES = frozenset({"Markup", "mark_safe", "render_template_string", "HTMLResponse"})
_TEMPLATES = frozenset({"render_template", "TemplateResponse", "render"})


class Flow(NamedTuple):
    """An answer that gets where it must not."""

    kind: str
    """run, query, page or template."""
    sink: str
    line: int
    source: int
    """The line of the model's call."""
    template: str = ""
    name: str = ""
    """Under which the template knows it."""


class Looked(NamedTuple):
    """What was seen in a file."""

    calls: int
    """Of a model."""
    flows: tuple[Flow, ...]


class UnparsableError(ValueError):
    """The text is no Python that this Python reads."""


def look_at(source: str) -> Looked:
    """Follow every answer of a model in Python source."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Module(ast.parse(source)).looked()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as why:
        raise UnparsableError(type(why).__name__) from why


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        self._names: dict[str, str] = {}
        for node in nodes:
            self._import(node)
        packages = {dotted.partition(".")[0] for dotted in self._names.values()}
        self._library = bool(packages & LIBRARIES)
        self._database = bool(packages & _DATABASES)
        self._chains = any(package.startswith(_CHAIN_LIBRARIES) for package in packages)
        self._scopes: list[_Scope] = [tree]
        self._scopes += [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        self._giving: dict[str, int] = {}
        """Functions of this file that return an answer, and the line of the call that it came from."""
        self._calls = {n.lineno for n in nodes if isinstance(n, ast.Call) and self._is_model(n)}

    def looked(self) -> Looked:
        flows: dict[Flow, None] = {}
        if self._calls:
            for _ in range(MOST_ROUNDS):
                before = len(self._giving)
                flows = {flow: None for scope in self._scopes for flow in _Walk(self, scope).flows()}
                if len(self._giving) == before:
                    break
        return Looked(len(self._calls), tuple(sorted(flows)))

    def _import(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                for name in names:
                    self._names[name.asname or name.name.partition(".")[0]] = (
                        name.name if name.asname else name.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=str() as module, names=names):
                for name in names:
                    self._names[name.asname or name.name] = f"{module}.{name.name}"

    def dotted(self, node: ast.AST) -> str:
        """Give what is called, in dotted words, imports resolved: `subprocess.run`, `client.messages.create`."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self._names.get(node.id, node.id))
        elif isinstance(node, ast.Call):
            parts.append(self.dotted(node.func))
        return ".".join(reversed(parts))

    def source(self, node: ast.AST) -> int:
        """Give the line of the model's call that a call is, or leads to; 0 for all others."""
        if not isinstance(node, ast.Call):
            return 0
        if self._is_model(node):
            return node.lineno
        return self._giving.get(_last(self.dotted(node.func)), 0)

    def asks(self, receiver: ast.expr) -> bool:
        """Say whether something whose `execute` is called is a database."""
        return self._database or bool(_DATABASE.search(_last(self.dotted(receiver))))

    def gives(self, function: str, source: int) -> None:
        self._giving.setdefault(function, source)

    def _is_model(self, call: ast.Call) -> bool:
        dotted = "." + self.dotted(call.func)
        if dotted.endswith(tuple("." + name for name in _SURE)):
            return True
        if not self._library:
            return False
        if dotted.endswith(tuple("." + name for name in _WITH_LIBRARY)):
            return True
        return self._chains and isinstance(call.func, ast.Attribute) and call.func.attr in _CHAIN_WORDS


class _Walk:
    """One function, or the top of a module, statement by statement."""

    def __init__(self, module: _Module, scope: _Scope) -> None:
        self._module, self._scope = module, scope
        self._tainted: dict[str, int] = {}
        self._branches = 0
        self._found: dict[Flow, None] = {}

    def flows(self) -> Iterator[Flow]:
        # Twice: what a loop assigns at its end reaches its beginning.
        for _ in range(2):
            self._body(self._scope.body)
        yield from self._found

    def _body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return  # a scope of its own
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._source(child)  # binds what is named on the way (`:=`)
                self._sinks(child)
            elif isinstance(child, ast.withitem):
                self._sinks(child.context_expr)
        self._assigned(node)
        self._branches += 1
        for name in ("body", "orelse", "finalbody"):
            self._body(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            self._body(handler.body)
        for case in getattr(node, "cases", []):
            self._body(case.body)
        self._branches -= 1

    def _assigned(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, self._source(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self._source(value))
            case ast.AugAssign(target=target, value=value):
                self._bind(target, self._source(value) or self._source(target))
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._bind(target, self._source(value))
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, self._source(item.context_expr))
            case ast.Return(value=ast.expr() as value):
                source = self._source(value)
                if source and not isinstance(self._scope, ast.Module):
                    self._module.gives(self._scope.name, source)

    def _bind(self, target: ast.expr, source: int) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for item in target.elts:
                self._bind(item, source)
            return
        name = ast.unparse(target) if isinstance(target, ast.Attribute | ast.Name) else ""
        if isinstance(target, ast.Subscript | ast.Starred):
            if source:  # one item of it is the answer: the whole counts
                self._bind(target.value, source)
        elif name and source:
            self._tainted[name] = source
        elif name and not self._branches:  # what a branch sets anew may stay as it was by another
            self._tainted.pop(name, None)

    def _source(self, node: ast.AST | None) -> int:
        """Give the line of the model's call that an expression holds the answer of; 0 where it holds none."""
        match node:
            case None | ast.Constant() | ast.Compare() | ast.Lambda():
                return 0
            case ast.Name(id=name):
                return self._tainted.get(name, 0)
            case ast.Attribute(value=value):
                return self._tainted.get(ast.unparse(node), 0) or self._source(value)
            case ast.NamedExpr(target=target, value=value):
                source = self._source(value)
                self._bind(target, source)
                return source
            case ast.Call(func=func):
                direct = self._module.source(node)
                if direct or self._module.dotted(func) in _CLEAN:
                    return direct
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for part in node.generators:
                    self._bind(part.target, self._source(part.iter))
        return next((s for child in ast.iter_child_nodes(node) if (s := self._source(child))), 0)

    def _sinks(self, node: ast.expr) -> None:
        for call in ast.walk(node):
            if isinstance(call, ast.Call):
                for flow in self._sink(call):
                    self._found[flow] = None

    def _sink(self, call: ast.Call) -> Iterator[Flow]:
        dotted = self._module.dotted(call.func)
        first = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg in _FIRST), None)
        source = self._source(first)
        if _last(dotted) in _TEMPLATES:
            yield from self._template(call, dotted)
        if not source:
            return
        if dotted in _RUNS or (dotted in _PROGRAMS and not _fixed_program(call, first)):
            yield Flow("run", dotted, call.lineno, source)
        elif isinstance(call.func, ast.Attribute) and call.func.attr in _QUERIES and self._module.asks(call.func.value):
            yield Flow("query", call.func.attr, call.lineno, source)
        elif _last(dotted) in _PAGES or _says(call, "unsafe_allow_html"):
            yield Flow("page", _last(dotted), call.lineno, source)

    def _template(self, call: ast.Call, dotted: str) -> Iterator[Flow]:
        """An answer that is handed to a template by name: the template decides whether it is escaped."""
        texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        given = [(k.arg, k.value) for k in call.keywords if k.arg]
        for held in [*call.args, *(k.value for k in call.keywords)]:
            if isinstance(held, ast.Dict):
                given += [
                    (key.value, value)
                    for key, value in zip(held.keys, held.values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                ]
        for name, value in given:
            source = self._source(value)
            if source and name and texts:
                yield Flow("template", _last(dotted), call.lineno, source, texts[0], name)


_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_FIRST = ("args", "source", "sql", "query", "operation", "content", "body", "string")


def _fixed_program(call: ast.Call, first: ast.expr | None) -> bool:
    """Say whether the program is our own and only its arguments are not."""
    if _says(call, "shell"):
        return False
    if not isinstance(first, ast.List | ast.Tuple) or not first.elts or not isinstance(first.elts[0], ast.Constant):
        return False
    texts = [item.value if isinstance(item, ast.Constant) else None for item in first.elts]
    if str(texts[0]).rpartition("/")[2] not in _SHELLS or "-c" not in texts:
        return True
    script = texts.index("-c") + 1
    return script < len(texts) and texts[script] is not None


def _says(call: ast.Call, name: str) -> bool:
    return any(k.arg == name and isinstance(k.value, ast.Constant) and k.value.value is True for k in call.keywords)


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]
