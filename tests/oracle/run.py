"""Random questions from the command line: `python -m tests.oracle.run --count 100000 --seed 1`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from random import Random

from tests.oracle.bench import Tally, session
from tests.oracle.strategies import KINDS

PER_PROJECT = 250


def _one(seed: str, count: int, only: str | None) -> Tally:
    return session(Random(seed), count, only=only)


def _tallies(
    seeds: list[str], sizes: list[int], only: str | None, workers: int
) -> Iterator[tuple[str, Tally]]:
    """What each project's questions came to, in the order in which they are answered."""
    if workers == 1:
        yield from ((seed, _one(seed, size, only)) for seed, size in zip(seeds, sizes, strict=True))
        return
    with ProcessPoolExecutor(workers) as pool:
        running = {
            pool.submit(_one, seed, size, only): seed
            for seed, size in zip(seeds, sizes, strict=True)
        }
        for done in as_completed(running):
            yield running[done], done.result()


def report(tally: Tally, seconds: float) -> str:
    """The counts, what was skipped and why, and the differences."""
    asked = tally.counts["asked"]
    lines = [f"{asked:,} questions in {seconds:.0f} s, {asked / max(seconds, 0.01):.0f} a second"]
    lines += [f"  {what}: {number:,}" for what, number in sorted(tally.counts.items())]
    lines += ["", f"  {'kind':16}{'asked':>10}{'compared':>10}"]
    for kind in KINDS:
        compared = tally.compared_by_kind[kind]
        lines.append(f"  {kind:16}{tally.by_kind[kind]:>10,}{compared:>10,}")
    lines += ["", "  not compared, by reason"]
    lines += [f"  {number:>8,}  {reason}" for reason, number in tally.skipped.most_common(40)]
    for case in tally.cases:
        lines += ["", "-" * 100, str(case)]
    return "\n".join(lines)


def main() -> int:
    """Runs the questions; 1 where an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    sizes = [PER_PROJECT] * (asked.count // PER_PROJECT)
    sizes += [asked.count % PER_PROJECT] if asked.count % PER_PROJECT else []
    seeds = [f"{asked.seed}/{number}" for number in range(len(sizes))]
    started, total = time.monotonic(), Tally()
    for seed, tally in _tallies(seeds, sizes, asked.only, asked.workers):
        total.add(tally)
        for case in tally.cases:  # told at once: a long run that is cut off loses nothing
            sys.stderr.write(f"{seed}: {case}\n")
        sys.stderr.write(f"\r{total.counts['asked']:,} of {asked.count:,}")
    sys.stderr.write("\n")
    sys.stdout.write(report(total, time.monotonic() - started) + "\n")
    return 1 if total.counts["mismatches"] else 0


if __name__ == "__main__":
    sys.exit(main())
