"""Reads from the source which texts the code asks for: every `say(…)` and `has(…)`, its key, and what it fills in."""

from __future__ import annotations

import ast
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEAKERS = {"say", "has"}
OPEN = "{}"
"""Stands for what is only known while running."""
DEEPEST = 7

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One call that asks for a text."""

    where: str
    keys: frozenset[str]
    """Every key it may ask for; `{}` where a part is only known while running."""
    values: frozenset[str] | None
    """The names of the values it fills in; None where they are handed on from elsewhere."""
    optional: bool
    """It asks whether there is such a text (`has`)."""


@dataclass(frozen=True, slots=True)
class _Call:
    node: ast.Call
    scope: Function | None
    file: str


class Source:
    """The parsed modules, and where each function is defined and called."""

    def __init__(self, *folders: str) -> None:
        files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
        self.calls: list[_Call] = []
        self._called: defaultdict[str, list[_Call]] = defaultdict(list)
        self._trees: dict[str, ast.Module] = {}
        self._home: dict[int, str] = {}
        self._around: dict[int, Function | None] = {}
        self._functions: dict[str, dict[str, Function]] = {}
        for path in files:
            file = str(path.relative_to(ROOT))
            self._functions[file] = {}
            self._trees[file] = ast.parse(path.read_text(encoding="utf-8"))
            self._walk(self._trees[file], None, file)

    def _walk(self, node: ast.AST, scope: Function | None, file: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, Function):
                self._functions[file][child.name] = inner = child
                self._home[id(child)], self._around[id(child)] = file, scope
            elif isinstance(child, ast.Call):
                call = _Call(child, scope, file)
                self.calls.append(call)
                self._called[_name(child)].append(call)
            self._walk(child, inner, file)

    def spoken(self) -> Iterator[Spoken]:
        """Every call that asks for a text, but those of `Voice` itself."""
        for call in self.calls:
            if _name(call.node) not in SPEAKERS or not call.node.args or call.file.startswith("bot/texts/"):
                continue
            names = [keyword.arg for keyword in call.node.keywords]
            yield Spoken(
                where=f"{call.file}:{call.node.lineno}",
                keys=frozenset(self._read(call.node.args[0], call.scope)),
                values=None if None in names else frozenset(name for name in names if name),
                optional=_name(call.node) == "has",
            )

    def codes(self, *errors: str, under: tuple[str, ...] = ("",)) -> frozenset[str]:
        """The codes given to errors of these names, or any call where none is named, in modules under folders."""
        return frozenset(
            code
            for call in self.calls
            if call.file.startswith(under) and (not errors or _name(call.node) in errors)
            for given in call.node.keywords
            if given.arg == "code"
            for code in self._read(given.value, call.scope)
        )

    def class_codes(self) -> frozenset[str]:
        """The `code` of every class that has one."""
        return frozenset(
            str(line.value.value)
            for tree in self._trees.values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for line in node.body
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
            if any(isinstance(target, ast.Name) and target.id == "code" for target in line.targets)
        )

    def constants(self, under: str) -> frozenset[str]:
        """Every text constant in the modules under a folder."""
        return frozenset(
            node.value
            for file, tree in self._trees.items()
            if file.startswith(under)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    def _read(self, node: ast.expr, scope: Function | None, depth: int = 0) -> set[str]:
        if depth > DEEPEST:
            return {OPEN}
        if isinstance(node, ast.Constant):
            return {str(node.value)}
        if isinstance(node, ast.JoinedStr):
            parts = [self._read(part, scope, depth) for part in node.values]
            return {"".join(chosen) for chosen in itertools.product(*parts)}
        if isinstance(node, ast.FormattedValue):
            return self._read(node.value, scope, depth)
        if isinstance(node, ast.IfExp):
            return self._read(node.body, scope, depth) | self._read(node.orelse, scope, depth)
        if isinstance(node, ast.Name) and scope is not None:
            return self._variable(node.id, scope, depth + 1)
        if isinstance(node, ast.Call) and scope is not None:
            return self._returned(node, scope, depth + 1)
        return {OPEN}

    def _variable(self, name: str, scope: Function, depth: int) -> set[str]:
        assigned = [
            node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        if assigned:
            return set().union(*(self._read(value, scope, depth) for value in assigned))
        if name in {argument.arg for argument in (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)}:
            return self._handed_over(name, scope, depth)
        around = self._around[id(scope)]
        return {OPEN} if around is None else self._variable(name, around, depth)

    def _handed_over(self, name: str, scope: Function, depth: int) -> set[str]:
        """What callers give for a parameter, and its default."""
        found: set[str] = set()
        for call in self._called[scope.name]:
            if self._is_of(call, scope):
                given = _argument(call.node, name, scope)
                found |= set() if given is None else self._read(given, call.scope, depth)
        default = _default(name, scope)
        return (found | (set() if default is None else self._read(default, None, depth))) or {OPEN}

    def _is_of(self, call: _Call, function: Function) -> bool:
        """Whether a call by the function's name can be one of it: not where that name or its module is another's."""
        home = self._home[id(function)]
        base = call.node.func.value if isinstance(call.node.func, ast.Attribute) else None
        if self._around[id(function)] is not None:
            return call.file == home and base is None
        if call.file == home:
            return True
        modules = self._imported(call.file)
        name = base.id if isinstance(base, ast.Name) else function.name if base is None else ""
        wanted = home.removesuffix(".py").replace("/", ".")
        if name in modules:
            return modules[name] in {wanted, f"{wanted}.{name}"}
        return base is not None and function.name not in self._functions[call.file]

    @functools.cache  # noqa: B019 - one source for all tests
    def _imported(self, file: str) -> dict[str, str]:
        return {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(self._trees[file])
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def _returned(self, call: ast.Call, scope: Function, depth: int) -> set[str]:
        function = self._functions[self._home[id(scope)]].get(_name(call))
        if function is None:
            return {OPEN}
        returned = [
            node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None
        ]
        return set().union(*(self._read(value, function, depth) for value in returned)) or {OPEN}


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _argument(call: ast.Call, name: str, function: Function) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    places = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if places and places[0] == "self":
        places = places[1:]
    if name not in places:
        return None
    at = places.index(name)
    return call.args[at] if at < len(call.args) else None


def _default(name: str, function: Function) -> ast.expr | None:
    arguments = function.args
    places = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    pairs: dict[str, ast.expr | None] = dict(zip(reversed(places), reversed(arguments.defaults), strict=False))
    pairs.update(zip((argument.arg for argument in arguments.kwonlyargs), arguments.kw_defaults, strict=True))
    return pairs.get(name)
