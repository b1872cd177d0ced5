"""A package's modules and their imports, read from its files and without importing any of it."""

import ast
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import of one module."""

    target: str
    line: int
    is_eager: bool
    """Whether it runs when the importing module is imported: not in a function, and for real."""


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    syntax: ast.Module = field(repr=False)
    imports: tuple[Import, ...] = ()

    @property
    def room(self) -> str:
        """The part of the package that it belongs to; none for the package's own first file."""
        return room(self.name)


def room(name):
    """``store`` for ``cubbyd.store.files``, ``codec`` for ``cubbyd.codec``."""
    return name.split(".")[1] if "." in name else ""


def read_package(package):
    """All modules of a package by their dotted names."""
    paths = {_dotted(path, package): path for path in sorted(package.rglob("*.py"))}
    modules = {}
    for name, path in paths.items():
        syntax = ast.parse(path.read_text(), path)
        is_package = path.name == "__init__.py"
        imports = tuple(_imports(syntax, name if is_package else name.rpartition(".")[0], paths))
        modules[name] = Module(name, path, syntax, imports)
    return modules


def _dotted(path, package):
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(syntax, here, known):
    """Every import below this point of the syntax tree; ``known`` are the package's own modules."""
    for node, is_eager in _walk(syntax, is_eager=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, is_eager)
        elif isinstance(node, ast.ImportFrom):
            # One dot is the package that we are in, and each further dot its parent.
            base = here.split(".")[: len(here.split(".")) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield Import(inner if inner in known else origin, node.lineno, is_eager)


def _walk(node, *, is_eager):
    yield node, is_eager
    is_put_off = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    for child in ast.iter_child_nodes(node):
        is_skipped = is_put_off or (is_for_types and child in node.body)
        yield from _walk(child, is_eager=is_eager and not is_skipped)


def imported_with(name, modules):
    """Everything, ours or not, that is loaded when this module is imported, itself included."""
    loaded, pending = set(), [name]
    while pending:
        each = pending.pop()
        if each in loaded:
            continue
        loaded.add(each)
        parent = each.rpartition(".")[0]
        pending += [parent] if parent else []
        if each in modules:
            pending += [found.target for found in modules[each].imports if found.is_eager]
    return loaded


def find_cycle(modules):
    """Modules that import each other in a circle, the first one again at the end; or nothing."""
    done = set()

    def visit(name, trail):
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done or name not in modules:
            return []
        for each in modules[name].imports:
            if cycle := visit(each.target, [*trail, name]):
                return cycle
        done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in modules)), [])
