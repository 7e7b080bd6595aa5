"""The shape of the house, proved from the source: who may import whom, what may happen at import, what may be caught."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src" / "alpi"

# A room may import itself, every room on a lower floor, and nothing else. Rooms on one floor do not know each other.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"base"}),
    frozenset({"providers", "safety", "state", "alp.core"}),
    frozenset({"agent"}),
    frozenset({"tools", "skills", "mcp", "alp.io", "schedule", "gateways"}),
    frozenset({"daemon", "doctor"}),
    frozenset({"setup"}),
    frozenset({"tui"}),
    frozenset({"cli"}),
)

# Broad handlers, each with the reason why everything must be caught there. Anything else catches what it can handle.
BROAD_EXCEPTS: dict[str, str] = {
    "agent/dispatch.py:run_tool": "a tool's bug becomes a result that the model and the person see; the turn goes on",
    "safety/risk/judge.py:assess": "it fails closed: whatever the judge stumbles over is never safe",
    "doctor/running.py:guarded": "one check's bug must not hide what the others find",
    "cli/main.py:main": "the last handler: a bug is named with where to report it instead of a traceback",
}

# Modules that may not be loaded by importing alpi's own start-up path: see tests/unit/cli/test_startup.py.


@lru_cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (path.relative_to(SRC).as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path)))
        for path in sorted(SRC.rglob("*.py"))
    )


def dotted(relative: str) -> str:
    return relative.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room(module: str) -> str | None:
    """The room that a module (dotted, without ``alpi.``) stands in; None for the package's own front door."""
    parts = module.split(".")
    if parts[0] == "alp" and len(parts) > 1:
        return ".".join(parts[:2])
    known = {name for floor in FLOORS for name in floor}
    return parts[0] if parts[0] in known else None


def floor_of(name: str) -> int:
    return next(index for index, floor in enumerate(FLOORS) if name in floor)


def imported(relative: str, node: ast.AST) -> list[str]:
    """The modules of alpi (dotted, without ``alpi.``) that one import statement reaches."""
    if isinstance(node, ast.Import):
        return [
            alias.name.removeprefix("alpi").lstrip(".") for alias in node.names if alias.name.split(".")[0] == "alpi"
        ]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level == 0:
        if (node.module or "").split(".")[0] != "alpi":
            return []
        base = (node.module or "").removeprefix("alpi").lstrip(".")
    else:
        package = dotted(relative).split(".")
        if not relative.endswith("__init__.py"):
            package = package[:-1]
        elif relative == "__init__.py":
            package = []
        package = package[: len(package) - (node.level - 1)]
        base = ".".join([*package, *([node.module] if node.module else [])])
    names = []
    for alias in node.names:
        candidate = f"{base}.{alias.name}".lstrip(".")
        is_module = (SRC / candidate.replace(".", "/")).with_suffix(".py").exists() or (
            SRC / candidate.replace(".", "/")
        ).is_dir()
        names.append(candidate if is_module else base)
    return names


@lru_cache
def edges() -> set[tuple[str, str]]:
    found = set()
    for relative, tree in modules():
        for node in ast.walk(tree):
            for target in imported(relative, node):
                if target:
                    found.add((dotted(relative), target))
    return found


def test_imports_go_one_way() -> None:
    wrong = []
    for source, target in sorted(edges()):
        a, b = room(source), room(target)
        if a is None or b is None or a == b:
            continue
        if floor_of(b) >= floor_of(a):
            wrong.append(f"{source} imports {target}: {a} stands on or below the floor of {b}")
    assert not wrong, "\n".join(wrong)


def test_every_package_is_a_known_room() -> None:
    unknown = [
        p.name for p in SRC.iterdir() if p.is_dir() and p.name not in {"__pycache__", "alp"} and room(p.name) is None
    ]
    assert not unknown, f"give these a floor in FLOORS: {unknown}"


def test_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for source, target in edges():
        if source != target:
            graph.setdefault(source, set()).add(target)
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module in done:
            return
        for target in sorted(graph.get(module, ())):
            # A package that re-exports its modules is imported by them only through those modules themselves.
            if not module.startswith(f"{target}."):
                visit(target, (*trail, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    def walk(node: ast.AST, owner: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else owner
            yield name, child
            yield from walk(child, name)

    return walk(tree, "<module>")


def test_broad_excepts_are_on_the_list() -> None:
    found = {}
    for relative, tree in modules():
        for owner, node in functions(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
            names = {n.id for n in caught if isinstance(n, ast.Name)} if node.type is not None else {"BaseException"}
            if names & {"Exception", "BaseException"}:
                reraises = any(isinstance(n, ast.Raise) and n.exc is None for n in node.body)
                if not reraises:
                    found[f"{relative}:{owner}"] = node.lineno
    unexplained = {k: v for k, v in found.items() if k not in BROAD_EXCEPTS}
    assert not unexplained, f"catch what can be handled, or explain it in BROAD_EXCEPTS: {unexplained}"
    stale = set(BROAD_EXCEPTS) - set(found)
    assert not stale, f"no longer needed: {stale}"


MUTABLE_CALLS = {"dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict", "Lock", "Queue", "Event"}


def test_no_mutable_state_in_modules() -> None:
    wrong = []
    for relative, tree in modules():
        for node in tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if value is None:
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                continue
            call = value.func.attr if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else None
            call = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else call
            if (
                isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
                or call in MUTABLE_CALLS
            ):
                wrong.append(f"{relative}:{node.lineno}")
        wrong += [f"{relative}:{n.lineno} global" for n in ast.walk(tree) if isinstance(n, ast.Global)]
    assert not wrong, f"use a tuple, frozenset or MappingProxyType, or pass the object: {wrong}"


def test_nothing_happens_at_import() -> None:
    """A module's body may define and name things. Calls are allowed for a short list of pure constructors only."""
    pure = {
        "compile", "frozenset", "tuple", "MappingProxyType", "TypeVar", "ParamSpec", "NewType", "namedtuple", "Path", "timedelta",
        "bytes", "fromhex", "Struct", "range", "defstruct", "get_args", "Decoder", "Encoder", "with_name", "datetime", "maketrans", "max",
    }  # fmt: skip
    wrong = []
    for relative, tree in modules():
        if relative == "__main__.py":
            continue
        for node in tree.body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                wrong.append(f"{relative}:{node.lineno}")
            if isinstance(node, ast.With | ast.For | ast.While | ast.Try):
                wrong.append(f"{relative}:{node.lineno}")
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                func = node.value.func
                name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "?")
                if name not in pure and name[:1].islower():
                    wrong.append(f"{relative}:{node.lineno} calls {name}()")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["requests", "litellm", "pydantic", "openai", "anthropic", "tiktoken"])
def test_heavy_libraries_are_not_used(name: str) -> None:
    """The SDKs are oracles in tests; the package itself never imports them."""
    users = [
        relative
        for relative, tree in modules()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(a.name.split(".")[0] == name for a in node.names))
        or (isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == name)
    ]
    assert not users


def test_files_are_read_in_one_sitting() -> None:
    long = {
        relative: n for relative, n in ((r, len((SRC / r).read_text().splitlines())) for r, _ in modules()) if n > 450
    }
    assert not long, f"split these by what a reader looks for: {long}"
