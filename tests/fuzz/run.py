"""Feeds targets for a long time: `python -m tests.fuzz.run [TARGET ..] --share 1.0 --seed 1`.

Prints a line per target: inputs, seconds, the slowest input. An input that raises, or takes more
than two seconds of processor time, is written to `.fuzz/` and ends the run with exit code 1.
With `--atheris` the same targets are driven by libFuzzer, guided by coverage
(pip install 'kpilayer[fuzz]').
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import resource
import signal
import sys
import time
import traceback
from itertools import islice
from pathlib import Path
from types import FrameType

from tests.fuzz.mutate import inputs
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, Target

MAX_SECONDS = 2.0  # of processor time for one input
MAX_MEMORY = 4 << 30  # bytes of the whole process
COUNTS = {
    "yaml": 30_000,
    "template": 15_000,
    "profiles": 10_000,
    "lock": 10_000,
    "project": 5_000,
    "snippet": 20_000,
    "group_by": 10_000,
    "where": 10_000,
    "question": 10_000,
    "cli": 500,
}
BROKEN = Path(".fuzz")


class TooSlow(BaseException):
    """An input took too long; no target catches it."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def feed(target: Target, data: bytes) -> float:
    """Seconds of processor time that a target took; raises what it raises, or TooSlow."""
    signal.signal(signal.SIGPROF, _stop)
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            target(data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return time.process_time() - began


def run(name: str, count: int, seed: int) -> int:
    """Feeds ``count`` mutations to a target; how many broke it."""
    broken, slowest, worst = 0, 0.0, b""
    seen: set[str] = set()
    began = time.monotonic()
    for data in islice(inputs(name, seeds(name), seed), count):
        try:
            taken = feed(TARGETS[name], data)
        except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever it is, it is a finding
            broken += 1
            last = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
            if what not in seen:
                seen.add(what)
                print(f"{name}: {what}: {str(error)[:200]} -> {_kept(name, data)}", flush=True)
        else:
            if taken > slowest:
                slowest, worst = taken, data
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name:<9} seed {seed}: {count:>7,} inputs, {broken} broke it, "
        f"{time.monotonic() - began:6.0f} s, slowest {slowest:.2f} s ({len(worst):,} bytes), "
        f"{memory:,} MB",
        flush=True,
    )
    return broken


def _kept(name: str, data: bytes) -> Path:
    BROKEN.mkdir(exist_ok=True)
    path = BROKEN / f"{name}-{hashlib.sha256(data).hexdigest()[:10]}"
    path.write_bytes(data)
    return path


def run_atheris(name: str, count: int, seed: int) -> None:
    """The same target under libFuzzer; leaves the process."""
    import atheris

    atheris.instrument_all()
    folder = BROKEN / f"corpus-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(name)):
        (folder / f"seed-{number}").write_bytes(data)
    target = TARGETS[name]

    def quiet(data: bytes) -> None:
        feed(target, data)

    options = [
        f"-runs={count}",
        f"-seed={seed}",
        "-max_len=5000",
        "-timeout=10",
        "-rss_limit_mb=4096",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={BROKEN}/{name}-", str(folder)], quiet)
    atheris.Fuzz()


def main() -> int:
    """Every named target, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=[])
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of inputs")
    parser.add_argument("--count", type=int, help="inputs per target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true", help="guided by coverage; one target")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    os.environ.pop("KPILAYER_PROFILES_DIR", None)
    names = asked.targets or list(TARGETS)
    if asked.atheris:
        run_atheris(names[0], asked.count or 10_000, asked.seed)
    broken = 0
    for name in names:
        broken += run(name, asked.count or int(COUNTS[name] * asked.share), asked.seed)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
