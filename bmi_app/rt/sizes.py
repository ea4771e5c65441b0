"""Read sizes that are written as expressions of symbols: ``"lags * spacing + 1"``, ``"axes if shared == 0 else 1"``.

Integers, symbols, ``+ - *``, ``== !=`` and ``a if b else c``; nothing else is a size.
"""

import ast
import functools
import operator
from collections.abc import Callable, Mapping

OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@functools.cache
def parsed(of: str, text: str) -> ast.expr:
    """Return the expression of a size of the part `of`.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        tree = None
    if tree is None or not _is_size(tree):
        raise ValueError(
            f"{of!r} of a layout of memory: {text!r} is no size; allowed: integers and symbols with + - * == != and `a if b else c`"
        )
    return tree


def symbols(tree: ast.expr) -> list[str]:
    """Return the symbols of an expression."""
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def value(tree: ast.expr, known: Mapping[str, int]) -> int:
    """Return the value of an expression, where its symbols are known."""
    if isinstance(tree, ast.Constant):
        assert isinstance(tree.value, int)
        return tree.value
    if isinstance(tree, ast.Name):
        return int(known[tree.id])
    if isinstance(tree, ast.IfExp):
        return value(tree.body if value(tree.test, known) else tree.orelse, known)
    kind, left, right = operation(tree)
    return int(OPERATORS[kind](value(left, known), value(right, known)))


def operation(tree: ast.expr) -> tuple[type, ast.expr, ast.expr]:
    """Return the operator of an expression, and its two sides."""
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        return type(tree.ops[0]), tree.left, tree.comparators[0]
    if isinstance(tree, ast.BinOp):
        return type(tree.op), tree.left, tree.right
    return type(tree), tree, tree


def _is_size(tree: ast.expr) -> bool:
    if isinstance(tree, ast.IfExp):
        return all(_is_size(side) for side in (tree.test, tree.body, tree.orelse))
    if isinstance(tree, ast.Constant):
        return type(tree.value) is int
    if isinstance(tree, ast.Name):
        return True
    kind, left, right = operation(tree)
    return kind in OPERATORS and _is_size(left) and _is_size(right)
