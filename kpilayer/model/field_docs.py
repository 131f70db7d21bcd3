"""The docstrings under fields: what the reference, hover texts and JSON Schema say of a key.

pydantic can take them in when it makes a class, but then every command reads and parses the source
of every type; only what writes documentation needs them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache

from pydantic import BaseModel


@cache
def field_docs(kind: type[BaseModel]) -> dict[str, str]:
    """What is said of each field of a type, inherited ones included, by the field's name.

    >>> from kpilayer.model.names import Config
    >>> field_docs(Config)["tags"]
    'Words to select by.'
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= dict(_own(base))
    return found


def _own(kind: type[BaseModel]) -> list[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef), "the source of a class is a class"
    pairs = zip(tree.body, tree.body[1:], strict=False)
    return [
        (field.target.id, inspect.cleandoc(text.value.value))
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(text.value.value, str)
    ]
