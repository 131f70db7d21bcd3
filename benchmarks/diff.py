"""How long a review takes beside loading the project once: 2,000 metrics, of which 20 have changed.

    python benchmarks/diff.py [--size 2000] [--runs 5]

Each figure is the smallest of several fresh processes, in CPU seconds, so that a busy machine slows
all alike. `compare` is all of `kpilayer diff` but the proofs and trials, which are `prove`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))
import generate

_OLD: Final = "expr: amount - discount\n"
_NEW: Final = "expr: amount - 2 * discount\n"
_WORKER: Final = """
import gc, json, sys, time
gc.set_threshold(50_000)  # as the command line does
from kpilayer import Project
from kpilayer.change import diff as module
from kpilayer.warehouse import scratch
begin = time.process_time()
project = Project.load(sys.argv[1])
project.check()
loaded = time.process_time()
spent = [0.0, 0]
def timed(function):
    def call(*given):
        start = time.process_time()
        try:
            return function(*given)
        finally:
            spent[0] += time.process_time() - start
            spent[1] += 1
    return call
module.compare_metrics = timed(module.compare_metrics)
found = project.diff("main") if sys.argv[2] == "diff" else None
end = time.process_time()
print(json.dumps({"load": loaded - begin, "all": end - begin, "prove": spent[0],
                  "asked": spent[1], "counts": dict(found.counts) if found else {}}))
"""


def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Team", "-c", "user.email=team@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def _changed(folder: Path, number: int) -> int:
    """Another formula for so many metrics; how many there were."""
    done = 0
    for file in sorted((folder / "metrics").glob("*.yml")):
        text = file.read_text(encoding="utf-8")
        if done < number and _OLD in text:
            file.write_text(text.replace(_OLD, _NEW, 1), encoding="utf-8")
            done += 1
    return done


def _run(folder: Path, what: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, str(folder), what], check=True, capture_output=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2_000)
    parser.add_argument("--changed", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        generate.kpilayer(generate.world(asked.size), folder, Path(name) / "none.duckdb")
        _git(folder, "init", "-q", "-b", "main")
        _git(folder, "add", "-A")
        _git(folder, "commit", "-qm", "The world")
        changed = _changed(folder, asked.changed)
        loads = [_run(folder, "load") for _ in range(asked.runs)]
        diffs = [_run(folder, "diff") for _ in range(asked.runs)]
    load = min(run["load"] for run in loads)
    compare = min(run["all"] - run["prove"] for run in diffs)
    best = min(diffs, key=lambda run: run["prove"])
    print(f"{asked.size:,} metrics, {changed} edited: {best['counts']}")
    print(f"load and check once    {load:.2f} s")
    print(f"diff without proofs    {compare:.2f} s   {compare / load:.2f} x")
    print(f"proofs and trials      {best['prove']:.2f} s   of {int(best['asked'])} metrics")


if __name__ == "__main__":
    main()
