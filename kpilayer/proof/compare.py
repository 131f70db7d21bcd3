"""Whether two queries give the same rows: the ladder of proof and trial."""

from __future__ import annotations

from typing import Any, Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.proof.facts import Facts
from kpilayer.proof.facts_of import facts_of
from kpilayer.proof.prove import prove
from kpilayer.proof.refute import refute
from kpilayer.proof.texts import issue_of, unknown_dialect
from kpilayer.proof.verdict import Example, Proof, Trials, Verdict
from kpilayer.snippets import parse_query

#: How often what is proved is tried: a proof that rows contradict is an error of ours.
PROVED_TRIALS: Final = 60
_OURS: Final = (
    "rows contradict the proof ({laws}), which is an error of kpilayer; please report the queries"
)


def compare_sql(
    a: str,
    b: str,
    *,
    schema: Any = None,
    dialect: str = "duckdb",
    trials: int = 200,
    seed: int = 0,
) -> Verdict:
    """Whether two queries give the same rows, whatever the data are.

    ``schema`` says what is known of the tables: CREATE TABLE statements, or a mapping such as
    ``{"orders": {"id": "BIGINT PRIMARY KEY", "amount": "DECIMAL(12, 2) NOT NULL"}}``. What it does
    not say may be: values are NULL, keys repeat, rows refer to nothing. Columns of other tables
    have types that fit how the queries use them. The order of rows means nothing; names and order
    of columns do.

    The answer is ``equivalent`` where that is proved and ``trials`` on made-up rows do not
    contradict, ``different`` with an example of rows, or ``unproven``. The same ``seed`` makes the
    same rows.

    >>> verdict = compare_sql(
    ...     "SELECT SUM(amount) AS paid FROM orders WHERE status <> 'void'",
    ...     "SELECT SUM(amount) AS paid FROM orders WHERE status <> 'void' OR status IS NULL",
    ...     schema={"orders": {"status": "VARCHAR", "amount": "INTEGER NOT NULL"}},
    ... )
    >>> print(verdict)
    different: orders(status=NULL, amount=2) -> before NULL, after 2 (seed 0, trial 2)

    Raises:
        QueryError: ``bad-sql``, ``several-statements`` or ``not-an-expression`` for a text that is
            not one query; ``bad-value`` and others for a schema or dialect that is none.
    """
    wrong = unknown_dialect(dialect)
    if wrong is not None:
        raise QueryError(wrong)
    if trials < 1:
        raise QueryError(Issue("bad-value", f"`trials` is a number from 1, and not {trials}"))
    issues: list[Issue] = []
    before, after = (_query(text, name, dialect, issues) for text, name in ((a, "a"), (b, "b")))
    facts = Facts()
    try:
        facts = facts_of(schema, dialect)
    except QueryError as error:
        issues += error.issues
    if issues or before is None or after is None:
        raise QueryError(issues)
    return compare(before, after, facts, dialect, trials=trials, seed=seed)


def compare(
    before: exp.Query,
    after: exp.Query,
    facts: Facts,
    dialect: str,
    *,
    trials: int = 200,
    seed: int = 0,
) -> Verdict:
    """The verdict on two parsed queries; what is proved is tried, too, and proves nothing alone."""
    proof = prove(before, after, facts, dialect)
    count = PROVED_TRIALS if proof else trials
    tried = refute(before, after, facts, dialect, trials=count, seed=seed)
    if proof is None:
        return _without_proof(tried)
    return _with_proof(proof, tried)


def _with_proof(proof: Proof, tried: Trials) -> Verdict:
    if tried.example is not None:
        why = _OURS.format(laws=", ".join(proof.laws) or proof.method)
        return Verdict(
            "unproven",
            proof.method,
            proof.laws,
            proof.assumptions,
            tried.example,
            tried.count,
            tried.seed,
            why,
            contradiction=True,
        )
    if tried.untested and proof.method != "same":
        why = f"there is a proof, but nothing to try it on: {tried.untested}"
        return Verdict("unproven", "none", (), (), None, tried.count, tried.seed, why)
    why = "; ".join((*tried.notes, tried.untested) if tried.untested else tried.notes)
    return Verdict(
        "equivalent",
        proof.method,
        proof.laws,
        proof.assumptions,
        None,
        tried.count,
        tried.seed,
        why,
    )


def _without_proof(tried: Trials) -> Verdict:
    if tried.example is not None:
        why = "; ".join((*_where_null(tried.example), *tried.notes))
        return Verdict("different", "rows", (), (), tried.example, tried.count, tried.seed, why)
    why = tried.untested or f"there is no proof, and no difference in {tried.count} trials"
    why = "; ".join((why, *tried.notes))
    return Verdict("unproven", "none", (), (), None, tried.count, tried.seed, why)


def _where_null(example: Example) -> list[str]:
    """What to say where NULLs make the difference: it is none where they cannot be."""
    places = [
        f"`{table}.{column}`"
        for table, (columns, rows) in example.tables.items()
        for index, column in enumerate(columns)
        if any(row[index] is None for row in rows)
    ]
    if not places:
        return []
    return [f"seen where {' and '.join(places)} is NULL; a schema may say NOT NULL"]


def _query(text: str, argument: str, dialect: str, issues: list[Issue]) -> exp.Query | None:
    kept = text.rstrip().removesuffix(";")
    tree, problem = parse_query(kept, dialect, f"`{argument}`")
    if problem is not None:
        issues.append(issue_of(problem, kept, argument))
    return tree
