"""Follow Python code without running it: which names from outside it reaches, in which way, and with which values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from safecase.readers.artifacts.code import python_values as values
from safecase.readers.artifacts.code.python_capabilities import DYNAMIC_MODULES, canonical, capability
from safecase.readers.artifacts.code.python_values import HOLE, Function, Hole, Items, Known, Ref, Table, Value

MOST_STEPS: Final = 400_000
MOST_CALLS_DEEP: Final = 6
MOST_TURNS: Final = 2048
LONGEST_NAME: Final = 160
_SCOPES: Final = frozenset({"globals", "locals", "vars"})
_INNER: Final = frozenset({"__subclasses__", "__globals__", "__builtins__", "f_globals", "f_builtins", "gi_frame"})
_FILE_METHODS: Final = frozenset(
    {
        "write_text", "write_bytes", "touch", "unlink", "open", "read_text", "read_bytes", "chmod", "rename",
        "symlink_to", "hardlink_to", "rmdir",
    }
)  # fmt: skip


_STARTERS: Final = frozenset({"Popen", "check_output", "check_call", "getoutput", "exec", "eval", "CDLL"})


class TooLong(Exception):  # noqa: N818  an answer, not a crash
    """The code takes more steps to follow than a model's code needs."""


class Use(NamedTuple):
    """One use of a name from outside."""

    name: str
    node: ast.AST
    arguments: tuple[Value, ...] | None
    """None where it is named without being called."""
    keywords: dict[str, Value]
    at_import: bool
    made: bool
    """The name is put together by the code."""


class Listener(Protocol):
    """Who wants to know of uses."""

    def used(self, use: Use) -> Value | None:
        """Hear of a use; what it gives stands for the result."""

    def inner(self, name: str, node: ast.AST, *, at_import: bool) -> None:
        """Hear that code reaches through objects into Python's own inner parts."""

    def hidden(self, what: str, node: ast.AST, *, at_import: bool) -> None:
        """Hear of a name that is computed so that it cannot be read."""


class Scope:
    """Names and their values, within others."""

    def __init__(self, outer: Scope | None = None) -> None:
        self.names: dict[str, Value] = {}
        self.outer = outer

    def find(self, name: str) -> Value | None:
        """Give the value of a name; None where nothing in the file defines it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None


class Runner:
    """Follows one module."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._module = Scope()
        self._steps = 0
        self._deep = 0
        self._at_import = True
        self._stars: list[str] = []
        self._attributes: dict[str, Value] = {}
        self._later: list[Function] = []
        self._returns: dict[tuple[int, bool], Value] = {}
        self._returned: list[Value] = []
        self._visited: set[tuple[int, bool]] = set()

    def module(self, tree: ast.Module) -> None:
        """Follow a module as its import does, then whatever it defines."""
        self._block(tree.body, self._module)
        self._at_import = False
        done = 0
        while done < len(self._later):
            function = self._later[done]
            done += 1
            self._call_function(function, (), {})

    def text(self, tree: ast.Module, *, at_import: bool) -> None:
        """Follow code that stands in a text, among the names of the module."""
        before, self._at_import = self._at_import, at_import
        self._block(tree.body, self._module)
        self._at_import = before

    # Statements

    def _block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        for statement in body:
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise TooLong
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                handler(self, statement, scope)
            else:
                for child in ast.iter_child_nodes(statement):
                    if isinstance(child, ast.expr):
                        self.value(child, scope)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.asname:
                scope.names[alias.asname] = Ref(alias.name)
            else:
                top = alias.name.partition(".")[0]
                scope.names[top] = Ref(top)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self._stars.append(module)
            else:
                scope.names[alias.asname or alias.name] = Ref(f"{module}.{alias.name}")

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        function = Function(node, scope)
        arguments = node.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.value(default, scope)
        annotations = [a.annotation for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        for annotation in (*annotations, node.returns):
            self._annotation(annotation, scope)
        scope.names[node.name] = self._decorated(node.decorator_list, function, scope)
        self._later.append(function)

    def _annotation(self, annotation: ast.expr | None, scope: Scope) -> None:
        if annotation is not None and any(isinstance(n, ast.Call) for n in ast.walk(annotation)):
            self.value(annotation, scope)

    def _decorated(self, decorators: Sequence[ast.expr], function: Function, scope: Scope) -> Value:
        for decorator in reversed(decorators):
            called = self.value(decorator, scope, called=True)
            if isinstance(called, Ref) and capability(called.name):
                self._use(called, decorator, (HOLE,), {})
            elif isinstance(called, Function):
                self._call_function(called, (function,), {})
        return function

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        for expression in (*node.bases, *(k.value for k in node.keywords)):
            self.value(expression, scope)
        inner = Scope(scope)
        self._block(node.body, inner)
        scope.names[node.name] = self._decorated(node.decorator_list, Function(node, inner), scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self._bind(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        self._annotation(node.annotation, scope)
        if node.value is not None:
            self._bind(node.target, self.value(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        before = self.value(node.target, scope) if isinstance(node.target, ast.Name) else HOLE
        self._bind(node.target, values.binary(node.op, before, self.value(node.value, scope)), scope)

    def _bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, scope, called=True)
            if isinstance(value, Ref | Function) or (isinstance(value, Hole) and value.traits):
                self._attributes[target.attr] = value
            if isinstance(owner, Ref) and canonical(owner.name) in ("builtins", "sys", "os", "importlib"):
                self._use(Ref(f"{owner.name}.{target.attr}", owner.made), target, None, {})
        elif isinstance(target, ast.Tuple | ast.List):
            parts = values.elements(value) or ()
            for number, inner in enumerate(target.elts):
                self._bind(inner, parts[number] if number < len(parts) else HOLE, scope)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, HOLE, scope)
        elif isinstance(target, ast.Subscript):
            self.value(target.value, scope, called=True)
            self.value(target.slice, scope)

    def _if(self, node: ast.If, scope: Scope) -> None:
        guard = ast.unparse(node.test) if isinstance(node.test, ast.Compare | ast.Name | ast.Attribute) else ""
        started_alone = guard in ("__name__ == '__main__'", "'__main__' == __name__")
        if not started_alone and guard not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.value(node.test, scope)
            self._block(node.body, scope)
        self._block(node.orelse, scope)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        every = values.elements(self.value(node.iter, scope))
        turns = every[:MOST_TURNS] if every else (HOLE,)
        if every and not all(isinstance(v, Known) for v in every):
            turns = every[:64]
        for element in turns:
            self._bind(node.target, element, scope)
            self._block(node.body, scope)
        self._block(node.orelse, scope)

    def _while(self, node: ast.While, scope: Scope) -> None:
        self.value(node.test, scope)
        self._block((*node.body, *node.orelse), scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, value, scope)
        self._block(node.body, scope)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        self._block(node.body, scope)
        for handler in node.handlers:
            if handler.name:
                scope.names[handler.name] = HOLE
            self._block(handler.body, scope)
        self._block((*node.orelse, *node.finalbody), scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.value(node.subject, scope)
        for case in node.cases:
            for inner in ast.walk(case.pattern):
                if isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name:
                    scope.names[inner.name] = HOLE
            if case.guard is not None:
                self.value(case.guard, scope)
            self._block(case.body, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        if node.value is not None:
            value = self.value(node.value, scope)
            if self._returned and not isinstance(value, Hole):
                self._returned[-1] = value
            elif self._returned and isinstance(self._returned[-1], Hole) and isinstance(value, Hole):
                self._returned[-1] = Hole(self._returned[-1].traits | value.traits)

    # Expressions

    def value(self, node: ast.expr, scope: Scope, *, called: bool = False) -> Value:
        """Give the value of an expression; `called` where only who asks uses the name."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooLong
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            found: Value = handler(self, node, scope)
            if isinstance(found, Ref) and not called and capability(found.name) and not isinstance(node, ast.Call):
                self._use(found, node, None, {})
            return found
        parts = [self.value(child, scope) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return Hole(values.traits_of(parts))

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        found = scope.find(node.id)
        if found is not None:
            return found
        for module in self._stars:
            if capability(f"{module}.{node.id}"):
                return Ref(f"{module}.{node.id}")
        return Ref(node.id)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        return self.attribute(self.value(node.value, scope, called=True), node.attr, node)

    def attribute(self, owner: Value, name: str, node: ast.AST, *, made: bool = False) -> Value:
        """Give an attribute of a value."""
        if name in _INNER or (name == "__getattribute__" and not isinstance(owner, Ref)):
            self._inner(owner, name, node)
            return Ref("globals()", made=True)
        if isinstance(owner, Ref):
            if name == "__dict__":
                return owner
            if name == "__self__":
                return Ref("builtins", made=True)
            if len(owner.name) > LONGEST_NAME:
                return HOLE
            return Ref(f"{owner.name}.{name}", owner.made or made)
        if isinstance(owner, Function):
            if isinstance(owner.node, ast.ClassDef) and isinstance(owner.scope, Scope):
                return owner.scope.names.get(name, HOLE)
            return HOLE
        if isinstance(owner, Hole):
            if "module" in owner.traits and (name in _STARTERS or capability(f"os.{name}") == "process"):
                what = f"of a module that is chosen at run time, {name}"
                self._listener.hidden(what, node, at_import=self._at_import)
            return self._attributes.get(name, owner)
        return HOLE

    def _inner(self, owner: Value, name: str, node: ast.AST) -> None:
        # `Registered.__subclasses__()` lists one's own classes; from `object` it reaches everything.
        own = name == "__subclasses__" and not (
            isinstance(node, ast.Attribute) and ("__" in ast.unparse(node.value) or _is_object(owner))
        )
        if (not own and name not in ("__globals__", "__builtins__")) or (
            name == "__builtins__" and not isinstance(owner, Ref)
        ):
            self._listener.inner(name, node, at_import=self._at_import)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        owner = self.value(node.value, scope, called=True)
        if isinstance(node.slice, ast.Slice):
            ends = [
                self.value(e, scope) if e else Known(None)
                for e in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return values.sliced(owner, ends)
        index = self.value(node.slice, scope)
        if isinstance(owner, Ref):
            return self._item_of(owner, index, node)
        return values.indexed(owner, index)

    def _item_of(self, owner: Ref, index: Value, node: ast.AST) -> Value:
        name = index.value if isinstance(index, Known) and isinstance(index.value, str) else None
        if owner.name == "sys.modules":
            return Ref(name, made=True) if name and "." not in name[:1] else HOLE
        if owner.name == "globals()":
            if name is None:
                return HOLE
            found = self._module.find(name)
            return found if found is not None else Ref("builtins" if name == "__builtins__" else name, made=True)
        if canonical(owner.name) in DYNAMIC_MODULES:
            return self._attribute_by(owner, index, node)
        if owner.name == "os.environ":
            return Hole(frozenset({"setting"}))
        return HOLE

    def _attribute_by(self, owner: Value, name: Value, node: ast.AST) -> Value:
        """Give an attribute whose name is a value."""
        if isinstance(name, Known) and isinstance(name.value, str):
            return self.attribute(owner, name.value, node, made=True)
        if isinstance(owner, Ref) and canonical(owner.name) in DYNAMIC_MODULES:
            self._listener.hidden(f"of {owner.name}, something by a computed name", node, at_import=self._at_import)
        elif isinstance(owner, Hole) and "module" in owner.traits and "decoded" in values.traits_of((name,)):
            self._listener.hidden("of a module, something by a decoded name", node, at_import=self._at_import)
        return Hole(values.traits_of((owner, name)))

    def _constant(self, node: ast.Constant, _scope: Scope) -> Value:
        return values.known(node.value, made=False)

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        found: list[Value] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                found.extend(values.elements(self.value(element.value, scope)) or (HOLE,))
            else:
                found.append(self.value(element, scope))
        return Items(tuple(found))

    def _dictionary(self, node: ast.Dict, scope: Scope) -> Value:
        entries: dict[values.Plain, Value] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            found = self.value(value, scope)
            name = self.value(key, scope) if key is not None else HOLE
            entries[name.value if isinstance(name, Known) else f"?{len(entries)}"] = found
        return Table(entries)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if isinstance(node.op, ast.Div):
            home = isinstance(left, Ref) and left.name.endswith(("Path.home()", "expanduser()"))
            both = [str(v.value) if isinstance(v, Known) else "~" if home else "*" for v in (left, right)]
            # Of paths, the end alone tells where they lead.
            return (
                Known("/".join(both), made=True) if isinstance(right, Known) and isinstance(right.value, str) else HOLE
            )
        return values.binary(node.op, left, right)

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Value:
        parts = [self.value(p.value if isinstance(p, ast.FormattedValue) else p, scope) for p in node.values]
        if all(isinstance(p, Known) for p in parts):
            return values.known("".join(str(p.value) for p in parts if isinstance(p, Known)))
        head = parts[0].value if isinstance(parts[0], Known) else ""
        traits = values.traits_of(parts)
        return Hole(traits | {"address"} if str(head).startswith(("http:", "https:", "ws:", "ftp:")) else traits)

    def _choice(self, node: ast.IfExp, scope: Scope) -> Value:
        self.value(node.test, scope)
        found = [self.value(node.body, scope), self.value(node.orelse, scope)]
        return next((f for f in found if isinstance(f, Ref | Function)), found[0])

    def _either(self, node: ast.BoolOp, scope: Scope) -> Value:
        found = [self.value(part, scope) for part in node.values]
        return next((f for f in found if isinstance(f, Ref | Function)), found[-1])

    def _named(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.value(node.value, scope)
        self._bind(node.target, value, scope)
        return value

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        function = Function(node, scope)
        self._later.append(function)
        return function

    def _awaited(self, node: ast.Await | ast.Starred | ast.YieldFrom, scope: Scope) -> Value:
        return self.value(node.value, scope)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Value:
        inner = Scope(scope)
        first, *rest = node.generators
        every = values.elements(self.value(first.iter, inner))
        turns = every[:MOST_TURNS] if every and not rest and not first.ifs else (HOLE,)
        found = []
        for element in turns:
            self._bind(first.target, element, inner)
            for more in rest:
                self._bind(more.target, HOLE, inner)
                self.value(more.iter, inner)
            for test in (t for g in node.generators for t in g.ifs):
                self.value(test, inner)
            found.append(self.value(node.elt, inner))
        return (
            Items(tuple(found))
            if turns is not None and every and not rest and not first.ifs
            else Hole(values.traits_of(found))
        )

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> Value:
        inner = Scope(scope)
        for generator in node.generators:
            self._bind(generator.target, HOLE, inner)
            self.value(generator.iter, inner)
        return Hole(values.traits_of([self.value(node.key, inner), self.value(node.value, inner)]))

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        arguments: list[Value] = []
        for argument in node.args:
            value = self.value(argument.value if isinstance(argument, ast.Starred) else argument, scope)
            arguments.extend(
                value.values if isinstance(argument, ast.Starred) and isinstance(value, Items) else (value,)
            )
        keywords = {k.arg or "**": self.value(k.value, scope) for k in node.keywords}
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value, scope, called=True)
            found = self._method(owner, node.func.attr, arguments, keywords, node)
            if found is not None:
                return found
            called = self.attribute(owner, node.func.attr, node.func)
        else:
            called = self.value(node.func, scope, called=True)
        return self.call(called, arguments, keywords, node)

    def _method(
        self, owner: Value, name: str, arguments: list[Value], keywords: dict[str, Value], node: ast.Call
    ) -> Value | None:
        if (
            name in _FILE_METHODS
            and isinstance(owner, Known | Hole)
            and not (isinstance(owner, Hole) and name == "open")
        ):
            return self._use(Ref(f"pathlib.Path().{name}"), node, (owner, *arguments), keywords)
        if name in ("__getattribute__", "__getitem__", "get", "pop") and isinstance(owner, Ref) and arguments:
            if name == "__getattribute__" or owner.name in ("globals()", "sys.modules"):
                return (
                    self._item_of(owner, arguments[0], node)
                    if owner.name in ("globals()", "sys.modules")
                    else (self._attribute_by(owner, arguments[0], node))
                )
            if name == "__getitem__" or (name == "get" and canonical(owner.name) in DYNAMIC_MODULES):
                return self._item_of(owner, arguments[0], node)
        if isinstance(owner, Items) and name in ("append", "extend"):
            return HOLE
        return values.method(owner, name, arguments)

    def call(self, called: Value, arguments: Sequence[Value], keywords: dict[str, Value], node: ast.AST) -> Value:
        """Give what a call gives."""
        if isinstance(called, Function):
            return self._call_function(called, arguments, keywords)
        if isinstance(called, Ref):
            special = _SPECIAL.get(canonical(called.name))
            if special is not None:
                return special(self, tuple(arguments), keywords, node)
            if (not keywords and not called.made) or canonical(called.name) in values.DECODERS:
                folded = values.function(canonical(called.name), arguments)
                if folded is not None:
                    return folded
            return self._use(called, node, tuple(arguments), keywords)
        return Hole(values.traits_of((called, *arguments, *keywords.values())) - {"module"})

    def _use(self, ref: Ref, node: ast.AST, arguments: tuple[Value, ...] | None, keywords: dict[str, Value]) -> Value:
        use = Use(canonical(ref.name), node, arguments, keywords, self._at_import, ref.made)
        found = self._listener.used(use)
        if found is not None:
            return found
        if arguments is not None and len(ref.name) < LONGEST_NAME:
            traits = values.traits_of((*arguments, *keywords.values()))
            return Hole(traits) if traits else Ref(f"{ref.name}()", ref.made)
        return HOLE

    def _call_function(self, function: Function, arguments: Sequence[Value], keywords: dict[str, Value]) -> Value:
        node = function.node
        outer = function.scope if isinstance(function.scope, Scope) else self._module
        if isinstance(node, ast.ClassDef):
            for name in ("__new__", "__init__", "__post_init__"):
                inner = outer.names.get(name)
                if isinstance(inner, Function):
                    self._call_function(inner, (HOLE, *arguments), keywords)
            return HOLE
        told = any(not isinstance(v, Hole) for v in (*arguments, *keywords.values()))
        key = (id(node), self._at_import)
        if (key in self._visited and not told) or self._deep >= MOST_CALLS_DEEP or self._steps > MOST_STEPS // 2:
            return self._returns.get(key, HOLE)
        self._visited.add(key)
        scope = Scope(outer)
        self._parameters(node, scope, arguments, keywords)
        self._deep += 1
        try:
            if isinstance(node, ast.Lambda):
                found = self.value(node.body, scope)
            else:
                self._returned.append(HOLE)
                self._block(node.body, scope)
                found = self._returned.pop()
        finally:
            self._deep -= 1
        self._returns[key] = found
        return found

    def _parameters(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        scope: Scope,
        arguments: Sequence[Value],
        keywords: dict[str, Value],
    ) -> None:
        named = [*node.args.posonlyargs, *node.args.args]
        for number, parameter in enumerate(named):
            given = arguments[number] if number < len(arguments) else keywords.get(parameter.arg, HOLE)
            scope.names[parameter.arg] = given
        for parameter in node.args.kwonlyargs:
            scope.names[parameter.arg] = keywords.get(parameter.arg, HOLE)
        if node.args.vararg:
            rest = tuple(arguments[len(named) :])
            scope.names[node.args.vararg.arg] = Items(rest) if rest else HOLE
        if node.args.kwarg:
            scope.names[node.args.kwarg.arg] = HOLE
        outer = scope.outer or self._module
        for parameter, default in zip(reversed(named), reversed(node.args.defaults), strict=False):
            if scope.names[parameter.arg] is HOLE and isinstance(default, ast.Name | ast.Attribute | ast.Constant):
                scope.names[parameter.arg] = self.value(default, outer, called=True)

    # Functions of Python that reach others

    def _getattr(self, arguments: tuple[Value, ...], _k: dict[str, Value], node: ast.AST) -> Value:
        return self._attribute_by(arguments[0], arguments[1], node) if len(arguments) > 1 else HOLE

    def _import_by(self, arguments: tuple[Value, ...], keywords: dict[str, Value], node: ast.AST) -> Value:
        name = arguments[0] if arguments else keywords.get("name", HOLE)
        if isinstance(name, Known) and isinstance(name.value, str):
            if not name.value.strip("."):
                return HOLE
            return Ref(name.value.replace(":", "."), made=name.made)
        traits = values.traits_of((name,))
        if "decoded" in traits or "remote" in traits:
            self._listener.hidden("a module by a decoded name", node, at_import=self._at_import)
        return Hole(traits | {"module"})

    def _scope_of(self, arguments: tuple[Value, ...], _k: dict[str, Value], _node: ast.AST) -> Value:
        return arguments[0] if arguments and isinstance(arguments[0], Ref) else Ref("globals()")

    def _map(self, arguments: tuple[Value, ...], _k: dict[str, Value], node: ast.AST) -> Value:
        if len(arguments) < 2:
            return HOLE
        every = values.elements(arguments[1])
        results = [self.call(arguments[0], (e,), {}, node) for e in (every or (HOLE,))[:MOST_TURNS]]
        return Items(tuple(results)) if every else Hole(values.traits_of(results))

    def _partial(self, arguments: tuple[Value, ...], _k: dict[str, Value], _node: ast.AST) -> Value:
        return arguments[0] if arguments else HOLE

    def _reduce(self, arguments: tuple[Value, ...], _k: dict[str, Value], node: ast.AST) -> Value:
        every = values.elements(arguments[1]) if len(arguments) > 1 else None
        if not every:
            return HOLE
        found, rest = (arguments[2], every) if len(arguments) > 2 else (every[0], every[1:])
        for element in rest[:MOST_TURNS]:
            found = self.call(arguments[0], (found, element), {}, node)
        return found

    def _getter(self, arguments: tuple[Value, ...], _k: dict[str, Value], _node: ast.AST) -> Value:
        name = arguments[0] if arguments else HOLE
        if isinstance(name, Known) and isinstance(name.value, str) and name.value.replace(".", "").isidentifier():
            getter = ast.parse(f"lambda it, *a: it.{name.value}", mode="eval").body
            assert isinstance(getter, ast.Lambda)
            return Function(getter, self._module)
        return HOLE

    def _type(self, arguments: tuple[Value, ...], _k: dict[str, Value], _node: ast.AST) -> Value:
        return HOLE if len(arguments) != 1 else Ref("type()")


def _is_object(owner: Value) -> bool:
    return isinstance(owner, Ref) and owner.name in ("object", "type", "BaseException", "type()")


_STATEMENTS: Final[dict[type[ast.stmt], Callable[..., None]]] = {
    ast.Import: Runner._import, ast.ImportFrom: Runner._import_from, ast.FunctionDef: Runner._define,
    ast.AsyncFunctionDef: Runner._define, ast.ClassDef: Runner._class, ast.Assign: Runner._assign,
    ast.AnnAssign: Runner._annotated, ast.AugAssign: Runner._augmented, ast.If: Runner._if, ast.For: Runner._for,
    ast.AsyncFor: Runner._for, ast.While: Runner._while, ast.With: Runner._with, ast.AsyncWith: Runner._with,
    ast.Try: Runner._try, ast.TryStar: Runner._try, ast.Match: Runner._match, ast.Return: Runner._return,
}  # fmt: skip
_EXPRESSIONS: Final[dict[type[ast.expr], Callable[..., Value]]] = {
    ast.Name: Runner._name, ast.Attribute: Runner._attribute, ast.Subscript: Runner._subscript,
    ast.Constant: Runner._constant, ast.List: Runner._sequence, ast.Tuple: Runner._sequence, ast.Set: Runner._sequence,
    ast.Dict: Runner._dictionary, ast.BinOp: Runner._binary, ast.JoinedStr: Runner._joined, ast.IfExp: Runner._choice,
    ast.BoolOp: Runner._either, ast.NamedExpr: Runner._named, ast.Lambda: Runner._lambda, ast.Await: Runner._awaited,
    ast.Starred: Runner._awaited, ast.YieldFrom: Runner._awaited, ast.ListComp: Runner._comprehension,
    ast.SetComp: Runner._comprehension, ast.GeneratorExp: Runner._comprehension,
    ast.DictComp: Runner._dict_comprehension, ast.Call: Runner._call,
}  # fmt: skip
_SPECIAL: Final[dict[str, Callable[..., Value]]] = {
    "getattr": Runner._getattr, "__import__": Runner._import_by, "importlib.import_module": Runner._import_by,
    "importlib.__import__": Runner._import_by, "globals": Runner._scope_of, "locals": Runner._scope_of,
    "vars": Runner._scope_of, "map": Runner._map, "functools.partial": Runner._partial, "filter": Runner._map,
    "functools.reduce": Runner._reduce, "operator.attrgetter": Runner._getter, "operator.methodcaller": Runner._getter,
    "itertools.starmap": Runner._map, "type": Runner._type, "operator.itemgetter": Runner._type,
    "importlib.reload": Runner._partial, "pydoc.locate": Runner._import_by, "pkgutil.resolve_name": Runner._import_by,
    "object.__getattribute__": Runner._getattr, "inspect.getattr_static": Runner._getattr,
}  # fmt: skip
