"""How fast kpilayer loads, checks and compiles, beside MetricFlow and sidemantic.

    python benchmarks/compile.py --quick                   kpilayer alone, 50 metrics, seconds
    python benchmarks/compile.py --install --json out.json everything, an hour on a quiet machine

Each figure is the smallest of several fresh processes, taken in turns, so that a busy machine
slows all systems alike; times are CPU seconds. `README.md` says what each figure means.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))
import generate

HERE: Final = Path(__file__).parent
SYSTEMS: Final = ("kpilayer", "metricflow", "sidemantic")
PACKAGES: Final = {
    "metricflow": ("metricflow", "dbt-metricflow", "dbt-core>=1.11,<1.12", "dbt-duckdb"),
    "sidemantic": ("sidemantic", "duckdb"),
}
STAGES: Final = {
    "import": "import",
    "load": "load",
    "check": "check",
    "prepare": "build engine",
    "first": "compile one, first",
    "again": "the same again",
    "all": "compile all, one by one",
}
#: A run of all metrics that takes longer than this, in CPU seconds, is not repeated.
SLOW: Final = 60
Figures = dict[str, float]


@dataclass
class Measured:
    """The smallest of what was seen, by (system, metrics) and figure."""

    figures: dict[tuple[str, int], Figures] = field(default_factory=dict)

    def add(self, system: str, size: int, found: Figures) -> None:
        known = self.figures.setdefault((system, size), {})
        for name, value in found.items():
            known[name] = min(value, known.get(name, value))

    def get(self, system: str, size: int, name: str) -> float | None:
        return self.figures.get((system, size), {}).get(name)

    def total(self, system: str, size: int, *names: str) -> float | None:
        """The sum of figures; a stage that a system does not have counts nothing."""
        known = self.figures.get((system, size))
        return None if known is None else sum(known.get(name, 0.0) for name in names)


# -------------------------------------------------------------------------------- projects, systems


def projects(work: Path, sizes: list[int], systems: list[str]) -> None:
    """A folder for each size with the same definitions for each system, and their data."""
    for size in sizes:
        world, folder = generate.world(size), work / str(size)
        database = folder / "bench.duckdb"
        generate.kpilayer(world, folder / "kpilayer", database)
        if "metricflow" in systems:
            generate.metricflow(world, folder / "metricflow")
            generate.dbt(world, folder / "dbt", database)
        if "sidemantic" in systems:
            generate.sidemantic(world, folder / "sidemantic")
        # Elsewhere: a child's peak memory is counted from that of the process that starts it.
        command = [sys.executable, HERE / "generate.py", str(size), database]
        subprocess.run(command, check=True)


def pythons(
    arguments: argparse.Namespace, work: Path, systems: Sequence[str] = SYSTEMS
) -> dict[str, Path]:
    """The interpreter of each system that is there; `--install` makes those that are not."""
    found = {"kpilayer": Path(sys.executable)}
    for system, packages in PACKAGES.items():
        if system not in systems:
            continue
        given = getattr(arguments, system)
        made = work / "venvs" / system
        if given is None and arguments.install and not made.exists():
            print(f"installing {system} into {made}", file=sys.stderr)
            venv.create(made, with_pip=True)
            command = [made / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
            subprocess.run(command, check=True)
        if given is not None or made.exists():
            # Not resolved: the link in a venv is what makes it one.
            found[system] = Path(os.path.abspath(given or made / "bin" / "python"))  # noqa: PTH100
    return found


# ----------------------------------------------------------------------------------------- measures


def stages(python: Path, system: str, folder: Path, *, with_all: bool) -> Figures:
    """CPU seconds of each stage in one fresh process, and its peak memory in MB."""
    command = [python, HERE / "workers.py", system, folder, *([] if with_all else ["--one"])]
    found = json.loads(_output(command))
    figures = {name: stage["cpu"] for name, stage in found["stages"].items()}
    memory = {f"{name} MB": stage["peak_mb"] for name, stage in found["stages"].items()}
    if with_all:
        each = sorted(found["each"])
        figures |= {
            "each": statistics.mean(each),
            "median": statistics.median(each),
            "p95": each[int(0.95 * len(each))],
            "failed": float(found["failed"]),
        }
    return figures | memory


def _output(command: list[Any]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1]


def process(command: list[Any], folder: Path) -> Figures:
    """CPU and wall seconds, and peak memory, of one command to its end."""
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have theirs
    child = subprocess.Popen(command, cwd=folder, env=environment, **quiet)  # type: ignore[call-overload]
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"exit code {child.returncode}: {' '.join(map(str, command))}")
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.perf_counter() - start,
        "MB": used.ru_maxrss / 1024,
    }


def commands(
    found: dict[str, Path], work: Path, size: int
) -> Iterator[tuple[str, str, list[Any], Path]]:
    """System, figure, command and folder of each command line that is measured."""
    own, folder = found["kpilayer"], work / str(size)
    metric = generate.world(size).metrics[size // 2].name
    groups = ",".join(generate.GROUP_BY)
    yield "kpilayer", "click", [own, "-c", "import click"], folder
    yield "kpilayer", "help", [own.parent / "kpilayer", "--help"], folder / "kpilayer"
    one = ["compile", "-m", metric, "-g", groups]
    yield "kpilayer", "one", [own.parent / "kpilayer", *one], folder / "kpilayer"
    yield "kpilayer", "check command", [own.parent / "kpilayer", "check"], folder / "kpilayer"
    if "metricflow" in found:
        mf = found["metricflow"].parent / "mf"
        one = ["query", "--explain", "--metrics", metric, "--group-by", groups]
        yield "metricflow", "help", [mf, "--help"], folder / "dbt"
        yield "metricflow", "one", [mf, *one], folder / "dbt"


def measure(
    found: dict[str, Path], work: Path, sizes: list[int], runs: int, say: Callable[[str], None]
) -> Measured:
    """Every figure, the systems in turns."""
    measured = Measured()
    for size in sizes:
        if "metricflow" in found:
            dbt = [found["metricflow"].parent / "dbt", "parse", "--quiet"]
            figures = process(dbt, work / str(size) / "dbt")
            measured.add("metricflow", size, {"dbt parse": figures["cpu"]})
    for run in range(runs):
        for size in sizes:
            for system, python in found.items():
                say(f"run {run + 1} of {runs}: {system}, {size} metrics")
                slow = (measured.get(system, size, "all") or 0) > SLOW
                folder = work / str(size) / system
                measured.add(system, size, stages(python, system, folder, with_all=not slow))
            for system, name, command, folder in commands(found, work, size):
                figures = process(command, folder)
                measured.add(
                    system, size, {f"{name} {unit}": value for unit, value in figures.items()}
                )
    return measured


# ---------------------------------------------------------------------------------------- agreement


def agreement(found: dict[str, Path], work: Path, size: int) -> dict[str, dict[str, int]]:
    """How many metrics give kpilayer's numbers in the other systems, on the generated data.

    A group without a value (NULL, or a count of 0) may be a row or not; it counts as `padded`.
    """
    import duckdb

    texts = {
        system: json.loads(
            _output([python, HERE / "workers.py", system, work / str(size) / system, "all"])
        )["sql"]
        for system, python in found.items()
    }
    report: dict[str, dict[str, int]] = {}
    with duckdb.connect(str(work / str(size) / "bench.duckdb"), read_only=True) as connection:

        def rows(sql: str) -> dict[tuple[str, object], Any]:
            return {(str(a)[:10], b): v for a, b, v in connection.execute(sql).fetchall()}

        for system in found:
            counts = {"equal": 0, "padded": 0, "different": 0, "failed": 0}
            for metric, sql in texts["kpilayer"].items():
                try:
                    theirs = rows(texts[system][metric])
                except (duckdb.Error, KeyError):
                    counts["failed"] += 1
                    continue
                counts[_compared(rows(sql), theirs)] += 1
            report[system] = counts
    return report


def _compared(ours: dict[Any, Any], theirs: dict[Any, Any]) -> str:
    if ours.keys() == theirs.keys() and all(_same(ours[k], theirs[k]) for k in ours):
        return "equal"
    filled = [{k: v for k, v in side.items() if v} for side in (ours, theirs)]
    same = filled[0].keys() == filled[1].keys()
    same = same and all(_same(v, filled[1][k]) for k, v in filled[0].items())
    return "padded" if same else "different"


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return abs(float(one) - float(other)) <= 1e-9 * max(1.0, abs(float(one)))


# ------------------------------------------------------------------------------------------- report


@dataclass(frozen=True)
class Goal:
    """A ratio that is to be at most, or at least, a limit."""

    text: str
    value: float | None
    limit: float
    at_least: bool

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        return "met" if met else "MISSED"


def goals(measured: Measured) -> list[Goal]:
    """What the project promises of its speed; ratios only, so that any machine can tell."""

    def ratio(top: float | None, bottom: float | None) -> float | None:
        return None if top is None or not bottom else top / bottom

    get, total = measured.get, measured.total
    ours = get("kpilayer", 2000, "all")
    loaded = total("kpilayer", 2000, "load", "check")
    theirs = total("metricflow", 500, "import", "load")
    return [
        Goal(
            "time per metric, 2,000 metrics to 50",
            ratio(get("kpilayer", 2000, "median"), get("kpilayer", 50, "median")),
            1.2,
            at_least=False,
        ),
        Goal(
            "all 2,000 metrics: MetricFlow to kpilayer",
            ratio(get("metricflow", 2000, "all"), ours),
            50,
            at_least=True,
        ),
        Goal(
            "all 2,000 metrics: sidemantic to kpilayer",
            ratio(get("sidemantic", 2000, "all"), ours),
            2,
            at_least=True,
        ),
        Goal(
            "load and check 2,000, to MetricFlow's import and load of 500",
            ratio(loaded, theirs),
            1,
            at_least=False,
        ),
        Goal(
            "one query by command line of 2,000: mf query --explain to kpilayer",
            ratio(get("metricflow", 2000, "one cpu"), get("kpilayer", 2000, "one cpu")),
            10,
            at_least=True,
        ),
        Goal(
            "kpilayer --help to importing click",
            ratio(get("kpilayer", 50, "help cpu"), get("kpilayer", 50, "click cpu")),
            2,
            at_least=False,
        ),
    ]


def tables(measured: Measured, found: dict[str, Path], sizes: list[int]) -> Iterator[str]:
    """The report, a line at a time."""
    columns = [(system, size) for size in sizes for system in found]
    head = [f"{system} {size}" for system, size in columns]
    rows: list[tuple[str, list[str]]] = []

    def row(label: str, name: str, scale: float = 1.0, digits: int = 3) -> None:
        values = [measured.get(*column, name) for column in columns]
        if any(v is not None for v in values):
            cells = ["-" if v is None else f"{v * scale:,.{digits}f}" for v in values]
            rows.append((label, cells))

    for name, label in STAGES.items():
        row(f"{label}, s", name)
    row("per metric, mean, ms", "each", 1000, 2)
    row("per metric, median, ms", "median", 1000, 2)
    row("per metric, p95, ms", "p95", 1000, 2)
    row("metrics that failed", "failed", 1, 0)
    for name in ("import", "load", "check", "all"):
        row(f"peak memory after {name}, MB", f"{name} MB", 1, 0)
    for name, label in (
        ("one", "command line, one query"),
        ("check command", "command line, check"),
        ("help", "command line, --help"),
        ("click", "python -c 'import click'"),
    ):
        row(f"{label}, s", f"{name} cpu")
        row(f"{label}, wall s", f"{name} wall")
        row(f"{label}, MB", f"{name} MB", 1, 0)
    row("dbt parse, cold, s", "dbt parse")
    width = max(len(label) for label, _ in rows)
    cell = max(map(len, head)) + 2
    yield " " * width + "".join(h.rjust(cell) for h in head)
    for label, cells in rows:
        yield label.ljust(width) + "".join(c.rjust(cell) for c in cells)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="50,500,2000", help="numbers of metrics")
    parser.add_argument("--runs", type=int, default=4, help="fresh processes for each figure")
    parser.add_argument("--metricflow", metavar="PYTHON", help="the Python that has MetricFlow")
    parser.add_argument("--sidemantic", metavar="PYTHON", help="the Python that has sidemantic")
    parser.add_argument("--install", action="store_true", help="make those environments")
    parser.add_argument("--work", type=Path, help="keep projects and environments in this folder")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--quick", action="store_true", help="kpilayer alone, 50 metrics, once")
    options = parser.parse_args(arguments)
    sizes, runs = [int(s) for s in options.sizes.split(",")], options.runs
    if options.quick:
        sizes, runs = [50], 1
    with tempfile.TemporaryDirectory(prefix="kpilayer-bench-") as temporary:
        work = (options.work or Path(temporary)).resolve()
        found = {"kpilayer": Path(sys.executable)} if options.quick else pythons(options, work)
        projects(work, sizes, list(found))
        measured = measure(found, work, sizes, runs, lambda t: print(t, file=sys.stderr))
        agreed = agreement(found, work, min(sizes))
    print("\n".join(tables(measured, found, sizes)))
    print(f"\nNumbers equal to kpilayer's, of {min(sizes)} metrics on the same data:")
    for system, counts in agreed.items():
        print(f"  {system}: " + ", ".join(f"{n} {word}" for word, n in counts.items()))
    print("\nGoals:")
    for goal in goals(measured):
        shown = "" if goal.value is None else f"{goal.value:.2f}"
        sign = "at least" if goal.at_least else "at most"
        print(f"  {goal.verdict:12} {goal.text}: {shown} ({sign} {goal.limit:g})")
    if options.json:
        figures = {f"{s} {n}": values for (s, n), values in measured.figures.items()}
        verdicts = [
            {"goal": g.text, "value": g.value, "limit": g.limit, "verdict": g.verdict}
            for g in goals(measured)
        ]
        content = {"figures": figures, "agreement": agreed, "goals": verdicts}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
