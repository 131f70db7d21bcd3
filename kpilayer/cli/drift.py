"""The command ``drift``: the same KPI calculated elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import counted, say, write, write_report
from kpilayer.cli.progress import Progress

if TYPE_CHECKING:
    pass


@command(
    "drift",
    examples=(
        "kpilayer drift ../dbt/models            # models of dbt, reports, any SQL",
        "kpilayer drift snowflake:logs.csv       # a log of queries, in another dialect",
        "kpilayer drift --views reporting        # views of the warehouse",
        "kpilayer drift --layer                  # one number under two names in the layer itself",
        "kpilayer drift sql --baseline drift.yml # in CI: only what is new fails",
    ),
)
@click.argument("paths", nargs=-1)
@click.option("--dialect", metavar="NAME", help="Dialect of the SQL; the target's by default.")
@click.option("--views", metavar="SCHEMA", help="Also the views of a schema of the warehouse.")
@click.option("--layer", is_flag=True, help="Also metrics of the layer that are the same number.")
@click.option("--baseline", type=click.Path(), metavar="FILE",
              help="What is known there does not fail.")  # fmt: skip
@click.option("--write-baseline", "new_baseline", type=click.Path(), metavar="FILE",
              help="Write all that is found now to a baseline.")  # fmt: skip
@click.option("--trials", type=click.IntRange(0, 100_000), default=60, show_default=True,
              help="How many made-up databases a difference is looked for on.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Where trials begin.")
@click.option("--no-prove", is_flag=True, help="Leave out proofs: faster, and more is possible.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day by which `until=` is judged.")  # fmt: skip
@output_flags("table", "markdown", "json", "github", "sarif", "junit")
@pass_session
def drift(
    session: Session,
    paths: tuple[str, ...],
    dialect: str | None,
    views: str | None,
    layer: bool,
    baseline: str | None,
    new_baseline: str | None,
    trials: int,
    seed: int,
    no_prove: bool,
    today: object,
) -> int:
    """Find the same KPI calculated elsewhere.

    PATHS are SQL files, folders, models of dbt, logs of queries (CSV, JSON lines, Parquet) and
    exports of Metabase or Superset (JSON); `dialect:path` where one has a dialect of its own. Each
    column that aggregates is compared with the metrics: the same number, another number under a
    like name, with what is different and rows that show it, or possibly one of these. Without
    PATHS, metrics of the layer itself are compared with each other. Exit 1 where a conflict is
    neither in the baseline nor ignored by a comment that says why:
    `-- kpilayer: ignore drift-conflict reason=".." until=2026-12-31`.
    """
    project = session.load()
    with Progress(session, "Comparing") as progress:
        found = project.drift(
            paths,
            dialect=dialect,
            views=views,
            layer=layer,
            baseline=baseline,
            trials=trials,
            seed=seed,
            prove=not no_prove,
            today=today.date() if today is not None else None,  # type: ignore[attr-defined]
            on_step=lambda name, number, count: progress(f"Comparing {name}", number / count),
        )
    if new_baseline is not None:
        found.write_baseline(Path(new_baseline))
        say(session, f"{counted(len(found.findings), 'finding')} in {new_baseline}")
        return 0
    if not write_report(session, found, "findings", ok=not found.fails):
        write(session, found.to_text(verbose=session.verbose > 0))
    return 1 if found.fails else 0
