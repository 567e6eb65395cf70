"""What a single call or definition in Python gives away: a model, an agent, a tool, a store, a server, a training."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from safecase.readers.uses import known
from safecase.readers.uses.use import Use

RUNS = ("subprocess.", "os.system", "os.popen", "os.exec", "pty.spawn", "asyncio.create_subprocess")
_ASKS = ("requests.", "httpx.", "aiohttp.", "urllib.request.", "urllib3.")
_ADDRESS = ("base_url", "api_base", "openai_api_base", "azure_endpoint", "endpoint_url", "api_endpoint", "host")


class Names(Protocol):
    """What is known of a module's names."""

    path: str
    functions: frozenset[str]

    @property
    def has_agents(self) -> bool:
        """Say whether an agent's library is imported here."""

    def dotted(self, node: ast.AST) -> str:
        """Give what an expression is in dotted words."""

    def texts_of(self, node: ast.AST | None, depth: int = 0) -> Iterator[tuple[str, int]]:
        """Give the literals that an expression may stand for."""


def uses_of_call(module: Names, call: ast.Call, exists: Callable[[str], bool]) -> Iterator[Use]:
    """Give what a call gives away; nothing where what is called belongs to no known library."""
    dotted = module.dotted(call.func)
    if not dotted:
        return
    last = dotted.rpartition(".")[2]
    if dotted in ("boto3.client", "boto3.resource") or dotted.endswith("Session.client"):
        yield from _cloud(module, call)
    calls = known.known().calls
    if last in calls.data_frames and dotted.startswith(("pandas.", "polars.", "dask.")):
        yield from _data_file(module, call, exists)
    library = known.library_of(dotted)
    if library is None:
        if dotted.startswith("mcp."):
            yield from _mcp(module, call, last)
        return
    yield from _models(module, call, dotted, last, exists)
    yield from _parts(module, call, dotted, last)
    yield from _address(module, call, library)
    if last in calls.mcp_clients | calls.mcp_servers:
        yield from _mcp(module, call, last)
    if last in calls.train and library.trains:
        kind = calls.train[last]
        yield Use(
            kind="training_run", name=library.name, path=module.path, line=call.lineno, makes=library.makes, effect=kind
        )
    if last in calls.finetune or ".fine_tuning.jobs.create" in dotted:
        yield Use(kind="training_run", name=last, path=module.path, line=call.lineno, effect="finetuned")


def uses_of_tool(module: Names, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Use]:
    """Give the tool that a function or a class is made into by its decorator or its base."""
    calls = known.known().calls
    if isinstance(node, ast.ClassDef):
        bases = [module.dotted(base) for base in node.bases]
        if any(b.rpartition(".")[2] in calls.tool_classes and known.library_of(b) for b in bases):
            name = next((text for text, _ in _class_name(module, node)), node.name)
            yield _tool(module, node, name)
        elif module.has_agents and (own := next((b for b in map(_bare, node.bases) if b.endswith("Tool")), "")):
            name = next((text for text, _ in _class_name(module, node)), node.name)
            made = _tool(module, node, name)
            yield msgspec.structs.replace(made, confidence="medium", because=f"derives from {own}; {made.because}")
        return
    for mark in node.decorator_list:
        dotted = module.dotted(mark)
        if dotted.rpartition(".")[2] in calls.tool_marks and known.library_of(dotted):
            name = node.name
            if isinstance(mark, ast.Call):
                given = [k.value for k in mark.keywords if k.arg in ("name", "name_override")] or mark.args[:1]
                name = next((text for value in given for text, _ in module.texts_of(value)), node.name)
            yield _tool(module, node, name)
            return


def _class_name(module: Names, node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name.lower().endswith("name"):
                yield from module.texts_of(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.lower().endswith("name"):
                yield from module.texts_of(value)


def _tool(module: Names, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, name: str) -> Use:
    called = [(module.dotted(n.func) or _bare(n.func), n.lineno) for n in ast.walk(node) if isinstance(n, ast.Call)]
    runs = next(((d, line) for d, line in called if d.startswith(RUNS) or d in ("exec", "eval")), None)
    asks = next(((d, line) for d, line in called if d.startswith(_ASKS)), None)
    effect, why = ("exec", f"effect: it calls {runs[0]} in line {runs[1]}") if runs else known.effect_of(name)
    return Use(
        kind="tool",
        name=name[:80],
        path=module.path,
        line=node.lineno,
        effect=effect,
        because=why,
        origin="own",
        egress=True if asks else None,
    )


def _bare(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_bare(value)}.{attr}" if isinstance(value, ast.Name) else ""
    return ""


def _argument(call: ast.Call, names: tuple[str, ...], position: int | None = 0) -> ast.AST | None:
    named = {k.arg: k.value for k in call.keywords if k.arg}
    for name in names:
        if name in named:
            return named[name]
    if position is not None and len(call.args) > position and not isinstance(call.args[position], ast.Starred):
        return call.args[position]
    return None


def _text(module: Names, node: ast.AST | None) -> tuple[str, int] | None:
    return next(((text, line) for text, line in module.texts_of(node) if text), None)


def _models(module: Names, call: ast.Call, dotted: str, last: str, exists: Callable[[str], bool]) -> Iterator[Use]:
    calls = known.known().calls
    library = known.library_of(dotted)
    assert library is not None
    if last in calls.hub:
        yield from _hub(module, call, dotted, last, exists)
    elif last in calls.files:
        yield from _file(module, call, library.name, last)
    elif library.kind in ("llm_client", "agent") or library.makes == "llm":
        yield from _of_client(module, call, dotted, library)


def _of_client(module: Names, call: ast.Call, dotted: str, library: known.Library) -> Iterator[Use]:
    """A name that goes to a client: by keyword whatever it is, by position where it is the name of a model."""
    found = _text(module, _argument(call, ("model", "model_name", "model_id", "deployment_name"), None))
    first = _text(module, call.args[0] if call.args else None)
    row = known.model_name(first[0]) if first else None
    if found and known.model_name(found[0]) is None and re.fullmatch(r"[\w.:/@-]{2,120}", found[0]):
        row = known.ModelName(pattern="", provider=library.provider, makes=library.makes, hosting=library.hosting)
    elif first and row is not None:
        found = first
    if found is None or row is None:
        return  # a known name by keyword is found as such
    yield Use(
        kind="model",
        name=dotted.rpartition(".")[2],
        model=found[0],
        path=module.path,
        line=found[1],
        provider=row.provider,
        makes="" if "mbed" in dotted or "mbed" in found[0] else row.makes,
        hosting=row.hosting or ("saas_api" if row.provider else library.hosting),
        origin="provider" if row.provider else "hub" if library.hosting == "self_hosted" else "",
        pinned=known.is_dated(found[0]),
    )


def _hub(module: Names, call: ast.Call, dotted: str, last: str, exists: Callable[[str], bool]) -> Iterator[Use]:
    calls = known.known().calls
    library = known.library_of(dotted)
    assert library is not None
    makes = next(
        (calls.model_classes[part] for part in dotted.split(".") if part in calls.model_classes), library.makes
    )
    if last == "pipeline":
        task = _text(module, _argument(call, ("task",)))
        makes = calls.tasks.get(task[0], "") if task else ""
        argument = _argument(call, ("model",), 1)
    else:
        argument = _argument(call, calls.hub[last])
    found = _text(module, argument)
    if found is None or not re.fullmatch(r"[\w.:/@-]{2,160}", found[0]):
        if makes and last == "pipeline":
            yield Use(
                kind="package",
                name=library.name,
                path=module.path,
                line=call.lineno,
                makes=makes,
                hosting="self_hosted",
            )
        return
    revision = _text(module, _argument(call, ("revision",), None))
    local = found[0].startswith((".", "/", "~")) or exists(found[0])
    if any(part.startswith("Auto") and "Model" not in part for part in dotted.split(".")) or "okenizer" in dotted:
        makes = ""  # a tokenizer, a processor, a configuration
    yield Use(
        kind="model_artifact" if local else "model",
        name=dotted.split(".")[-2] if last == "from_pretrained" else last,
        model=found[0],
        path=module.path,
        line=found[1],
        makes=makes,
        hosting="self_hosted" if last != "InferenceClient" else "saas_api",
        provider="huggingface" if last == "InferenceClient" else "",
        revision=revision[0] if revision else "",
        origin="own" if local else "hub",
        pinned=bool(revision and known.DATED_HUB.match(revision[0])) if not local else None,
    )


def _file(module: Names, call: ast.Call, library: str, last: str) -> Iterator[Use]:
    calls = known.known().calls
    found = _text(module, _argument(call, calls.files[last]))
    row = known.known().libraries[library]
    if found is None or "\n" in found[0] or len(found[0]) > 200:
        return
    file = found[0].lower().endswith(calls.file_suffixes)
    if file or (row.hosting and last in ("load_model", "YOLO", "GPT4All", "load")):
        yield Use(
            kind="model_artifact" if file else "model",
            name=library,
            model=found[0],
            path=module.path,
            line=found[1],
            makes=row.makes,
            hosting=row.hosting or "self_hosted",
            origin="" if file else "hub",
            pinned=None if file else False,
            because=f"{row.name} is mostly used for that" if row.guessed else "",
        )


def _parts(module: Names, call: ast.Call, dotted: str, last: str) -> Iterator[Use]:
    calls = known.known().calls
    path, line = module.path, call.lineno
    if last in calls.agents:
        name = _text(module, _argument(call, ("name", "role"), None))
        yield Use(
            kind="agent", name=name[0][:80] if name else last, path=path, line=line, makes="llm", because="made here"
        )
    yield from _made_tools(module, call, dotted, last)
    parts = dotted.split(".")[1:]
    made = parts[-2:] if last.lstrip("a").startswith(("from_", "load_local")) else parts[-1:]
    store = next((calls.stores[part] for part in made if part in calls.stores), None)
    if store:
        yield Use(kind="vector_store", name=store, path=path, line=line, because="made here")
    if last in calls.sources:
        yield Use(kind="source", name=last, path=path, line=line, effect=calls.sources[last])
    kept = next((part for part in made if part in calls.memories), None)
    if kept:
        yield Use(kind="memory", name=kept, path=path, line=line, effect=calls.memories[kept])
    yield from _data(module, call, last)
    if last == "launch" and dotted.startswith("gradio."):
        shared = _argument(call, ("share",), None)
        if isinstance(shared, ast.Constant) and shared.value is True:
            why = "share=True of gradio opens a public address"
            yield Use(kind="exposure", name="public", path=path, line=line, because=why)


def _made_tools(module: Names, call: ast.Call, dotted: str, last: str) -> Iterator[Use]:
    """Tools that a library brings, and those that a constructor makes of a function."""
    calls = known.known().calls
    path, line = module.path, call.lineno
    if last in calls.ready_tools:
        yield Use(
            kind="tool", name=last, path=path, line=line, effect=calls.ready_tools[last], origin="third_party",
            because="effect as the library tells", egress=True if last in calls.searches_the_web else None,
        )  # fmt: skip
    if last in calls.tool_makers and (last not in ("from_function", "from_defaults") or "Tool" in dotted):
        first = 0 if last in ("Tool", "FunctionDeclaration") else None
        named = _text(module, _argument(call, ("name",), first)) or _function_name(module, call, line)
        if named and re.fullmatch(r"[\w .-]{1,80}", named[0]):
            effect, why = known.effect_of(named[0])
            yield Use(kind="tool", name=named[0], path=path, line=line, effect=effect, because=why, origin="own")


def _function_name(module: Names, call: ast.Call, line: int) -> tuple[str, int] | None:
    """Give the name of the function that a tool is made of: `Tool.from_function(search)`."""
    match _argument(call, ("func", "fn", "function", "coroutine")):
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in module.functions:
            return name, line
    return None


def _data(module: Names, call: ast.Call, last: str) -> Iterator[Use]:
    calls = known.known().calls
    if last in calls.hub_data:
        found = _text(module, _argument(call, calls.hub_data[last]))
        if found and re.fullmatch(r"[\w./-]{2,120}", found[0]):
            yield Use(kind="dataset", name=found[0], path=module.path, line=found[1], origin="public")
    if last in calls.sklearn_data:
        yield Use(kind="dataset", name=last, path=module.path, line=call.lineno, origin="public")


def _address(module: Names, call: ast.Call, library: known.Library) -> Iterator[Use]:
    if library.kind not in ("llm_client", "agent") and library.makes != "llm":
        return
    for keyword in call.keywords:
        if keyword.arg not in _ADDRESS:
            continue
        variable = next((name for name in _variables(module, keyword.value)), "")
        text = next((t for t, _ in module.texts_of(keyword.value) if t.startswith(("http://", "https://"))), "")
        provider = known.host(text)
        if variable or text:
            yield Use(
                kind="llm_endpoint",
                name=known.without_secrets(text) if text else f"${{env:{variable}}}",
                url=f"${{env:{variable}}}" if variable else known.without_secrets(text),
                path=module.path,
                line=keyword.value.lineno,
                provider=provider,
                hosting="saas_api" if provider else "self_hosted" if known.is_near(text) else "",
            )


def _variables(module: Names, node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Subscript(value=value, slice=ast.Constant(value=str() as name)) if (
                module.dotted(value) == "os.environ"
            ):
                yield name
            case ast.Call(func=func, args=[ast.Constant(value=str() as name), *_]) if module.dotted(func) in (
                "os.environ.get",
                "os.getenv",
            ):
                yield name


def _cloud(module: Names, call: ast.Call) -> Iterator[Use]:
    found = _text(module, _argument(call, ("service_name",)))
    if found and found[0].startswith(("bedrock", "sagemaker-runtime", "rekognition", "comprehend", "textract")):
        makes = "llm" if found[0].startswith("bedrock") else ""
        yield Use(
            kind="llm_client", name=found[0], path=module.path, line=found[1], provider="aws", makes=makes,
            hosting="managed_cloud",
        )  # fmt: skip


def _data_file(module: Names, call: ast.Call, exists: Callable[[str], bool]) -> Iterator[Use]:
    found = _text(module, call.args[0] if call.args else None)
    if found and exists(found[0]):
        yield Use(kind="dataset", name=found[0], model=found[0], path=module.path, line=found[1], origin="own")


def _mcp(module: Names, call: ast.Call, last: str) -> Iterator[Use]:
    from safecase.readers.uses.mcp import of_command

    calls = known.known().calls
    if last in calls.mcp_servers:
        name = _text(module, _argument(call, ("name",)))
        yield Use(
            kind="mcp_server",
            name=name[0][:80] if name else last,
            path=module.path,
            line=call.lineno,
            origin="own",
            because="offered",
        )
    elif last in calls.mcp_clients:
        parameters = _argument(call, ("params",), None)
        inner: dict[str, ast.AST] = {k.arg: k.value for k in call.keywords if k.arg}
        if isinstance(parameters, ast.Dict):
            inner |= {
                str(k.value): v
                for k, v in zip(parameters.keys, parameters.values, strict=True)
                if isinstance(k, ast.Constant)
            }
        command = _text(module, inner.get("command"))
        listed = inner.get("args")
        words = [t for e in listed.elts for t, _ in module.texts_of(e)] if isinstance(listed, ast.List) else []
        url = _text(module, inner.get("url") or (call.args[0] if call.args and not command else None))
        if command or (url and url[0].startswith("http")):
            name = _text(module, inner.get("name"))
            yield of_command(
                name[0] if name else "",
                [command[0], *words] if command else [],
                url[0] if url else "",
                module.path,
                call.lineno,
            )
