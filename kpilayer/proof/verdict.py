"""The answer to "do these two queries give the same rows?", with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kpilayer.proof.printed import line, page

Answer = Literal["equivalent", "different", "unproven"]
#: What decided: the same tree, the laws of a normal form, the solver, rows that tell them apart.
Method = Literal["same", "laws", "solver", "rows", "none"]
Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Why two queries give the same rows in every database that satisfies the facts.

    ``laws`` are the names of the laws used, ``assumptions`` the facts (`orders.id is not NULL`).
    """

    method: Method
    laws: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """Rows of tables for which two queries answer differently, as few as were found.

    ``tables`` holds, by name, columns and rows; ``before`` and ``after`` are the answers, as bags,
    or the error's first line where a query fails.
    """

    tables: Mapping[str, tuple[tuple[str, ...], Rows]]
    columns: tuple[str, ...]
    before: Rows | str
    after: Rows | str


@dataclass(frozen=True, slots=True)
class Trials:
    """What running both queries on made-up rows showed: a difference, or none in ``count`` trials.

    ``untested`` says why nothing could be run, or why what was run says nothing. ``notes`` say what
    the answers rest on besides the facts: emulated semantics, inferred types.
    """

    count: int
    seed: int
    example: Example | None = None
    untested: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, how it was found, and what was tried.

    ``equivalent`` needs a proof that no trial contradicts; where one does, ``answer`` is
    ``unproven`` and ``contradiction`` is True: an error of ours.
    """

    answer: Answer
    method: Method
    laws: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    example: Example | None = None
    trials: int = 0
    seed: int = 0
    why: str = ""
    contradiction: bool = False

    def __str__(self) -> str:
        """The answer in a line, with the rows that tell the queries apart."""
        return line(self)

    def explain(self) -> str:
        """The answer with what it rests on, and small tables of the rows and both answers."""
        return page(self)
