"""Random questions to kpilayer and MetricFlow, from the command line.

    python -m tests.parity.run [--count 500] [--seed 1] [--only offset,cumulative] [--without x,y]

Needs `make dbt` and `make metricflow`. Prints what became of the questions; exits with 1 where
something differs. With `--sql`, the SQL of the first that differs, of both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import islice
from pathlib import Path

from kpilayer.errors import KpilayerError
from tests.parity.harness import Both, Report, prepared
from tests.parity.questions import random_questions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds, by comma: questions with one of them")
    parser.add_argument("--without", default="", help="kinds, by comma: questions without them")
    parser.add_argument("--most", type=int, default=10, help="questions to show of each trouble")
    parser.add_argument("--sql", action="store_true", help="both SQLs of the first difference")
    given = parser.parse_args()
    only, without = (tuple(filter(None, text.split(","))) for text in (given.only, given.without))
    with tempfile.TemporaryDirectory() as folder:
        both = Both(prepared(Path(folder) / "project"))
        report = Report()
        asked = islice(random_questions(given.seed, only, without), given.count)
        report.ask(both, asked)
        print("\n".join(report.lines(given.most)))
        for question, _ in report.different[: given.sql]:
            print(both.metricflow.sql(question))
            try:
                print(both.project.compile(**question.asked()))
            except KpilayerError as error:
                print(error)
        both.close()
    return 1 if report.different or report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
