"""A module fits a reader's head, a function a screen, and what is public says what it is: over the whole package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "league"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 50
"""Lines from `def` to the end, signature and docstring among them."""
SHORTEST_DOCSTRING = 5
"""Words: "Its name." tells nobody anything."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public(tree: ast.Module | ast.ClassDef, name: str) -> Iterator[tuple[str, ast.Module | ast.ClassDef | Function]]:
    """A module or class and what is public in it, however deep, with its name."""
    yield name, tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{name}.{node.name}")
            else:
                yield f"{name}.{node.name}", node


def modules() -> Iterator[tuple[str, int, ast.Module]]:
    """Every module of the package: its path, its lines, and what is in it."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        yield str(path.relative_to(PACKAGE.parent)), len(text.splitlines()), ast.parse(text)


def too_long(name: str, tree: ast.Module) -> list[str]:
    """The functions, also those in others, that do not fit a screen."""
    functions = (node for node in ast.walk(tree) if isinstance(node, Function))
    sizes = {f"{name}:{one.lineno} {one.name}": (one.end_lineno or 0) - one.lineno + 1 for one in functions}
    return [f"{where} has {lines} lines" for where, lines in sizes.items() if lines > LONGEST_FUNCTION]


def too_short(name: str, tree: ast.Module) -> list[str]:
    """What is public and says next to nothing of itself; of that which says nothing at all, ruff speaks."""
    said = {where: ast.get_docstring(node) for where, node in public(tree, name)}
    return [f"{where}: {text!r}" for where, text in said.items() if text and len(text.split()) < SHORTEST_DOCSTRING]


def test_every_module_fits_a_readers_head() -> None:
    assert len(MODULES) > 100
    assert [f"{name} has {lines} lines" for name, lines, _ in modules() if lines > LONGEST_MODULE] == []


def test_every_function_fits_a_screen() -> None:
    assert [line for name, _, tree in modules() for line in too_long(name, tree)] == []


def test_every_public_docstring_says_something() -> None:
    assert [line for name, _, tree in modules() for line in too_short(name, tree)] == []


@pytest.mark.parametrize(
    ("find", "good", "bad"),
    [
        (too_long, "def f():\n" + "    x = 1\n" * 49, "class C:\n    def f(self):\n" + "        x = 1\n" * 50),
        (
            too_short,
            '"""Five words are just enough."""\nclass _C:\n    """Private."""',
            'class C:\n    def f(self):\n        """These are four words."""',
        ),
    ],
)
def test_what_is_too_long_or_too_short_is_found(find, good, bad) -> None:
    assert find("m.py", ast.parse(good)) == []
    assert len(find("m.py", ast.parse(bad))) == 1
