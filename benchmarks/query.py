"""How fast the SQL runs that kpilayer compiles, beside hand-written SQL and MetricFlow's.

    python benchmarks/query.py --quick                       TPC-H at scale 0.01, no MetricFlow
    python benchmarks/query.py --install --json out.json     everything, on a quiet machine

One DuckDB process runs all three texts of a question in turns and takes the best of each; rows must
be equal. Only ratios are reported. `README.md` says what is asked and what is promised.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb

sys.path.insert(0, str(Path(__file__).parent))
from compile import Goal, pythons
from questions import QUESTIONS, Question

HERE: Final = Path(__file__).parent
PROJECTS: Final = {"tpch": HERE / "tpch", "company": HERE.parent}
VARIANTS: Final = ("hand", "kpilayer", "metricflow")
TPCH_TABLES: Final = (
    "region",
    "nation",
    "supplier",
    "customer",
    "part",
    "partsupp",
    "orders",
    "lineitem",
)
#: The tables of the example company that questions read.
COMPANY_TABLES: Final = (
    "accounts",
    "attribution",
    "calendar_days",
    "channels",
    "invoices",
    "lead_stages",
    "leads",
    "marketing_spend",
    "opportunities",
    "regions",
    "web_sessions",
)
#: TPC-H's dates move by so many years: weekdays and leap years stay, and MetricFlow, which cuts
#: every range of time at the year 2000, can be asked.
LATER: Final = 28
#: A text that takes longer than this, in seconds, is not run again.
SLOW: Final = 20.0
NOT_YET: Final = "not yet"
Rows = dict[tuple[Any, ...], tuple[Any, ...]]


# --------------------------------------------------------------------------------------------- data


def tpch_generator() -> Path | None:
    """The `tpchgen-cli` of this Python's environment, else of the PATH, if it is there."""
    # Not resolved: a virtual environment's Python is a link out of it.
    beside = str(Path(sys.executable).parent)
    found = shutil.which("tpchgen-cli", path=beside) or shutil.which("tpchgen-cli")
    return Path(found) if found else None


def tpch(database: Path, scale: float) -> None:
    """TPC-H's tables and a table of days, its dates `LATER` years later."""
    generator = tpch_generator()
    if generator is None:
        raise SystemExit("tpchgen-cli is missing: pip install 'kpilayer[bench]'")
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        command = [generator, "parquet", "-s", str(scale), "--output-dir", folder, "-q"]
        subprocess.run(command, check=True)
        with duckdb.connect(str(database)) as connection:
            for table in TPCH_TABLES:
                source = f"'{folder}/{table}.parquet'"
                described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
                dates = [name for name, kind, *_ in described if kind == "DATE"]
                later = [f"CAST({d} + INTERVAL {LATER} YEAR AS DATE) AS {d}" for d in dates]
                moved = f"REPLACE ({', '.join(later)})" if later else ""
                connection.execute(f"CREATE TABLE {table} AS SELECT * {moved} FROM {source}")
            connection.execute(
                """CREATE TABLE days AS SELECT CAST(day AS DATE) AS date_day
                FROM range(DATE '2020-01-01', DATE '2027-01-01', INTERVAL 1 DAY) AS t(day)"""
            )


def company(database: Path, scale: float) -> None:
    """The example company, as far as it is asked about."""
    from kpilayer.demo import data

    with duckdb.connect(str(database)) as connection:
        data.build(connection, scale, tables=COMPANY_TABLES)


MAKERS: Final = {"tpch": tpch, "company": company}


def made(data: str, folder: Path, scale: float) -> Path:
    """The database of a data set at a scale, made where it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / f"{data}-{scale:g}.duckdb"
    if not database.exists():
        unfinished = folder / f"{data}-{scale:g}.unfinished"
        unfinished.unlink(missing_ok=True)
        MAKERS[data](unfinished, scale)
        unfinished.rename(database)
    return database


# -------------------------------------------------------------------------------------------- texts


def by_hand(data: str, question: Question) -> str:
    """The text that an analyst wrote."""
    return (HERE / "sql" / data / f"{question.name}.sql").read_text(encoding="utf-8")


def ours(data: str) -> Callable[[Question], str]:
    """What compiles a question with kpilayer; a kind that is not built yet gives `NOT_YET`."""
    from kpilayer.errors import QueryError
    from kpilayer.project import Project

    project = Project.load(PROJECTS[data])

    def compiled(question: Question) -> str:
        try:
            return project.compile(
                question.metrics,
                question.group_by,
                question.where,
                start=question.start,
                end=question.end,
                order_by=question.order_by,
                limit=question.limit,
                dialect="duckdb",
            )
        except QueryError as error:
            if all(issue.code == "not-supported-yet" for issue in error.issues):
                return NOT_YET
            raise

    return compiled


def metricflow(python: Path, data: str, questions: Iterable[Question]) -> dict[str, str]:
    """MetricFlow's text for each question that it can be asked, by name."""
    requests = {
        question.name: {
            "metric_names": question.metrics,
            "group_by_names": question.group_by,
            "where_constraints": question.where or None,
            "time_constraint_start": question.start,
            "time_constraint_end": question.end,
            "order_by_names": question.order_by or None,
            "limit": question.limit,
        }
        for question in questions
        if not question.not_in_metricflow
    }
    command = [python, HERE / "workers.py", "metricflow", HERE / "metricflow" / data, "requests"]
    text = json.dumps(requests)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])["sql"]
    return found


# --------------------------------------------------------------------------------------------- runs


@dataclass
class Run:
    """One question: seconds by text, rows by text, and what could not be said."""

    data: str
    question: Question
    seconds: dict[str, float] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    rows: dict[str, Rows] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def ratio(self, top: str, bottom: str) -> float | None:
        """The time of a text to that of another, or None; of one that was cut, the least it is.

        A wrong answer has no speed.
        """
        known = self.seconds.keys() - self.different
        if bottom in self.cut or not {top, bottom} <= known:
            return None
        return self.seconds[top] / self.seconds[bottom]

    @property
    def different(self) -> list[str]:
        """The texts whose rows are not those of the hand-written one."""
        hand = self.rows.get("hand")
        return [n for n in self.rows if hand is not None and not same_rows(hand, self.rows[n])]

    @property
    def verdict(self) -> str:
        """Whether the rows of all texts are the same."""
        if self.different:
            return f"DIFFERENT: {', '.join(self.different)}"
        return "; ".join(f"{name}: {why}" for name, why in self.remarks.items()) or "equal"


def timed(
    connection: duckdb.DuckDBPyConnection, sql: str, clock: Callable[[], float], patience: float
) -> tuple[float, Any]:
    """Seconds of one run, and its result; None where it took longer than `patience`."""
    timer = threading.Timer(patience, connection.interrupt)
    timer.start()
    start = clock()
    try:
        table = connection.sql(sql).to_arrow_table()
    except duckdb.InterruptException:
        table = None
    finally:
        timer.cancel()
    return clock() - start, table


def measure(
    connection: duckdb.DuckDBPyConnection,
    run: Run,
    texts: dict[str, str],
    times: int,
    clock: Callable[[], float] = time.perf_counter,
    patience: float = 300.0,
) -> None:
    """The best of several runs of each text, the texts in turns."""
    for _ in range(times):
        for name, sql in texts.items():
            if name in run.cut or run.seconds.get(name, 0) > SLOW:
                continue
            try:
                seconds, table = timed(connection, sql, clock, patience)
            except duckdb.Error as error:
                if name != "metricflow":
                    raise
                run.cut.add(name)
                run.remarks[name] = " ".join(str(error).split())
                continue
            run.seconds[name] = min(seconds, run.seconds.get(name, seconds))
            if table is None:
                run.cut.add(name)
                run.remarks[name] = f"more than {patience:g} s"
            elif name not in run.rows:
                run.rows[name] = keyed(table, run.question)


def keyed(table: Any, question: Question) -> Rows:
    """Rows by their group; columns by name where they have the question's, else as they stand."""
    asked, names = [*question.group_by, *question.metrics], [*table.column_names]
    keys = len(question.group_by)
    if sorted(asked) == sorted(names):
        names = asked
    columns = [table.column(name).to_pylist() for name in names]
    rows = [tuple(map(plain, row)) for row in zip(*columns, strict=True)]
    found = {row[:keys]: row[keys:] for row in rows}
    assert len(found) == len(rows), f"{question.name}: a group stands in two rows"
    return found


def plain(value: Any) -> Any:
    """A value without the type that one text gives it and another does not."""
    match value:
        case datetime.datetime():
            return value.date() if value.time() == datetime.time() else value
        case bool() | int():
            return float(value)
        case Decimal():
            return float(value)
    return value


def same_rows(one: Rows, other: Rows) -> bool:
    """Whether two results hold the same groups with the same values, doubles to 1e-9."""
    return one.keys() == other.keys() and all(
        len(values) == len(other[key]) and all(map(_same, values, other[key]))
        for key, values in one.items()
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


# ------------------------------------------------------------------------------------------- report


def geometric_mean(runs: Iterable[Run], top: str, bottom: str) -> float | None:
    """The mean of ratios, where there is any."""
    found = [r for run in runs if (r := run.ratio(top, bottom)) is not None]
    return statistics.geometric_mean(found) if found else None


def goals(runs: list[Run]) -> list[Goal]:
    """What the project promises of its SQL's speed on DuckDB."""
    shared = [run for run in runs if run.question.kind == "shared"]
    trailing = [run for run in runs if run.question.kind == "trailing"]
    worst = [r for run in runs if (r := run.ratio("kpilayer", "metricflow")) is not None]
    return [
        Goal(
            "kpilayer to hand-written, geometric mean",
            geometric_mean(runs, "kpilayer", "hand"),
            1.05,
            at_least=False,
        ),
        Goal(
            "metrics that share a fact: MetricFlow to kpilayer, geometric mean",
            geometric_mean(shared, "metricflow", "kpilayer"),
            2,
            at_least=True,
        ),
        Goal(
            "windows of time: MetricFlow to kpilayer, geometric mean",
            geometric_mean(trailing, "metricflow", "kpilayer"),
            10,
            at_least=True,
        ),
        Goal(
            "any question: kpilayer to MetricFlow, at most",
            max(worst, default=None),
            1.05,
            at_least=False,
        ),
    ]


def table(runs: list[Run]) -> Iterator[str]:
    """The report, a line at a time."""
    yield f"{'question':<30}{'rows':>9}{'ours/hand':>11}{'MF/ours':>9}  results"
    for run in runs:
        name = f"{run.data} {run.question.name}"
        cells = [_cell(run.ratio("kpilayer", "hand")), _cell(run.ratio("metricflow", "kpilayer"))]
        rows = len(run.rows.get("hand", ()))
        yield f"{name:<30}{rows:>9,}{cells[0]:>11}{cells[1]:>9}  {run.verdict}"
    means = [
        geometric_mean(runs, *pair) for pair in (("kpilayer", "hand"), ("metricflow", "kpilayer"))
    ]
    yield f"{'geometric mean':<39}{_cell(means[0]):>11}{_cell(means[1]):>9}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def written(runs: list[Run]) -> list[dict[str, Any]]:
    """Every figure, for `--json`."""
    return [
        {
            "data": run.data,
            "question": run.question.name,
            "seconds": run.seconds,
            "verdict": run.verdict,
        }
        for run in runs
    ]


# ---------------------------------------------------------------------------------------------- run


def run_all(arguments: argparse.Namespace, folder: Path) -> Iterator[Run]:
    """Every question of every data set that is asked for, measured."""
    scales = {"tpch": arguments.scale, "company": arguments.company_scale}
    python = pythons(arguments, folder, ["metricflow"]).get("metricflow")
    clock = {"wall": time.perf_counter, "cpu": time.process_time}[arguments.clock]
    for data, questions in QUESTIONS.items():
        asked = [q for q in questions if not arguments.only or q.name in arguments.only]
        if not asked or not scales[data]:
            continue
        database = made(data, folder, scales[data])
        compiled = ours(data)
        theirs = metricflow(python, data, asked) if python else {}
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute(f"SET threads = {arguments.threads}")
            if arguments.memory:
                connection.execute(f"SET memory_limit = '{arguments.memory}'")
            for question in asked:
                run = Run(data, question)
                texts = {"hand": by_hand(data, question), "kpilayer": compiled(question)}
                if python:
                    texts["metricflow"] = theirs.get(question.name, question.not_in_metricflow)
                for name, text in list(texts.items()):
                    if not text.lstrip().upper().startswith(("SELECT", "WITH", "--")):
                        run.remarks[name] = texts.pop(name)
                if arguments.show:
                    print(*(f"-- {name}\n{sql}\n" for name, sql in texts.items()), sep="\n")
                measure(connection, run, texts, arguments.runs, clock, arguments.patience)
                print(f"{data} {question.name}", file=sys.stderr)
                yield run


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("only", nargs="*", help="names of questions; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H's; 0 leaves it out")
    parser.add_argument("--company-scale", type=float, default=1.0, help="0 leaves it out")
    parser.add_argument("--data", type=Path, help="keep databases and environments in this folder")
    parser.add_argument("--runs", type=int, default=5, help="how often each text is run")
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB")
    parser.add_argument("--memory", metavar="SIZE", help="the most that DuckDB takes, as `8GB`")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for one run")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what is measured")
    parser.add_argument("--metricflow", metavar="PYTHON", help="the Python that has MetricFlow")
    parser.add_argument("--install", action="store_true", help="make that environment")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--show", action="store_true", help="print every text before it runs")
    parser.add_argument("--quick", action="store_true", help="small data, one run, no MetricFlow")
    arguments = parser.parse_args(words)
    if arguments.quick:
        arguments.scale, arguments.company_scale, arguments.runs = 0.01, 0.1, 1
    folder = arguments.data or Path(tempfile.gettempdir()) / "kpilayer-benchmarks"
    runs = list(run_all(arguments, folder))
    print(*table(runs), sep="\n")
    for goal in goals(runs):
        value = "-" if goal.value is None else f"{goal.value:.2f}"
        sign = "at least" if goal.at_least else "at most"
        print(f"{goal.text}: {value}, {sign} {goal.limit:g}: {goal.verdict}")
    if arguments.json:
        arguments.json.write_text(json.dumps(written(runs), indent=2), encoding="utf-8")
    if any(run.verdict.startswith("DIFFERENT") for run in runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
