"""Whatever stands in a project's files, loading and checking it ends in issues, not in a traceback.

The shipped example is broken at random: nodes of its YAML replaced by values of another kind, keys
deleted or renamed, list items repeated, words of expressions exchanged, characters lost. The seed
of a failure is in its message.
"""

from __future__ import annotations

import copy
import random
import re
import shutil
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kpilayer import Project
from kpilayer.errors import KpilayerError

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("models", "metrics", "macros")
AREAS = ("consulting", "customers", "finance", "marketing", "product")

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 1.5, float("nan"), float("inf"), 10**40),
    *("", " ", "~", "x", "no", "1", "order__", "__x", "metric_time", "day", "Ünïcode", "\u2028"),
    *("a" * 70_000, "(" * 500, "{{ ", "{{ x }}", "{% if %}", "{{ var('currency') }}", "{#", "}}"),
    *("'", '"', "`", ";", "--", "/*", "\\", "a;b", "$1", "?", ":x", "@x", "x\ny", "\t", "\0"),
    *("SELECT 1", "DROP TABLE t", "SUM(x)", "COUNT(*)", "*", "a.b", "a.b.c", "a b", "1 +", "CASE"),
    *("{{ Dimension('a__b') }}", "{{ Metric('revenue', ['account']) }}", "{{ ref('accounts') }}"),
    *([], [None], [[]], [{}], ["x", "x"], [1, "a", None]),
    *({}, {"name": None}, {"name": "x"}, {"a": {"b": {}}}, {"type": []}, {1: 2}, {None: None}),
)
KEYS = (
    *("name", "type", "model", "models", "metrics", "agg", "expr", "filter", "input_metric", "to"),
    *("input_metrics", "numerator", "denominator", "columns", "entity", "dimension", "entities"),
    *("dimensions", "derived_semantics", "granularity", "agg_time_dimension", "primary_entity"),
    *(
        "semantic_model",
        "config",
        "meta",
        "relation",
        "path",
        "percentile",
        "alias",
        "offset_window",
    ),
    *("type_params", "measures", "time_granularity", "synonyms", "vars", "<<", "nam", "Name", ""),
)
WORDS = (
    *("AND", "OR", "NOT", "NULL", "(", ")", ",", ";", "+", "/", "*", "||", "::", "=", "<", "''"),
    *("'", '"', "--", "/*", "CASE", "WHEN", "END", "IN", "BETWEEN", "LIKE", "INTERVAL", "CAST"),
    *("SELECT", "FROM", "SUM(", "OVER (", "DATE", "EXTRACT(", "[1]", "{'a': 1}", "x -> x", "$1"),
    *("{{", "}}", "{%", "%}", "Dimension('account__segment')", "TimeDimension('metric_time', 1)"),
    *("a.b", "1e999", "0x", "9" * 400, "metric_time", "__", "\\", "\n", "?", ":a", "@a", "#", "$$"),
)
GROUPS = (
    *(
        "metric_time",
        "metric_time__month",
        "metric_time__extract_dow",
        "account__segment",
        "account",
    ),
    *("", "__", "metric_time__", "x__metric_time", "a__b__c", "metric_time__metric_time", "day"),
    *(
        "Dimension('account__segment')",
        "TimeDimension('metric_time', 'x')",
        "{{ 1 }}",
        "{{",
        "é",
        "(",
    ),
)


GROUP_WEIGHTS = [20, 20, 20, *([1] * (len(GROUPS) - 3))]


def _texts() -> dict[str, str]:
    paths = [ROOT / "kpilayer.yml", ROOT / "kpilayer.lock"]
    paths += [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*")) if p.is_file()]
    return {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in paths}


TEXTS = _texts()
DATA = {
    path: yaml.safe_load(text) for path, text in TEXTS.items() if path.endswith((".yml", ".lock"))
}


def broken(rng: random.Random) -> dict[str, str]:
    """The texts of the example, or of some of its areas, with one to three things changed."""
    chosen = dict(TEXTS)
    if rng.random() < 0.3:
        kept = rng.sample(AREAS, 2)
        for path in TEXTS:
            if Path(path).stem in {*AREAS, "adoption"} - {*kept}:
                del chosen[path]
    weights = [0.2 if p in ("kpilayer.yml", "kpilayer.lock") else 1.0 for p in chosen]
    for path in rng.choices(list(chosen), weights, k=rng.choice((1, 1, 2, 3))):
        if path in DATA and rng.random() < 0.85:
            data = copy.deepcopy(DATA[path])
            for _ in range(rng.choice((1, 1, 1, 2, 5))):
                data = _changed(data, rng)
            chosen[path] = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        else:
            chosen[path] = _other_text(chosen[path], rng)
    return chosen


def _nodes(value: Any, parent: Any = None, step: Any = None) -> Iterator[tuple[Any, Any, Any]]:
    yield value, parent, step
    if isinstance(value, dict):
        for key, inner in list(value.items()):
            yield from _nodes(inner, value, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nodes(inner, value, index)


def _changed(data: Any, rng: random.Random) -> Any:
    value, parent, step = rng.choice(list(_nodes(data)))
    if parent is None:
        return copy.deepcopy(rng.choice(ODD)) if rng.random() < 0.2 else data
    kind = rng.random()
    if isinstance(value, str) and kind < 0.4:
        parent[step] = _other_words(value, rng)
    elif kind < 0.6:
        parent[step] = copy.deepcopy(rng.choice(ODD))
    elif kind < 0.7:
        del parent[step]
    elif kind < 0.8 and isinstance(parent, dict):
        parent[rng.choice(KEYS)] = parent.pop(step)
    elif kind < 0.88 and isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(value))
    elif kind < 0.94 and isinstance(parent, dict):
        parent[rng.choice(KEYS)] = copy.deepcopy(rng.choice(ODD))
    else:
        other, other_parent, other_step = rng.choice(list(_nodes(data)))
        if other_parent is not None and not isinstance(other, (dict, list)):
            parent[step], other_parent[other_step] = other, copy.deepcopy(value)
    return data


def _other_words(text: str, rng: random.Random) -> str:
    words = re.findall(r"\w+|\s+|.", text, re.S)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(words) + 1)
        match rng.randrange(4):
            case 0 if at < len(words):
                del words[at]
            case 1:
                words.insert(at, rng.choice(WORDS))
            case 2 if at < len(words):
                words[at] = rng.choice(WORDS)
            case _ if words:
                words.insert(at, rng.choice(words))
    return "".join(words)


def _other_text(text: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _other_words(text, rng)
    at = rng.randrange(len(text) + 1)
    match rng.randrange(4):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + text[at + 1 :]
        case 2:
            return text[:at] + rng.choice(string.printable) + text[at:]
    lines = text.split("\n")
    line = rng.randrange(len(lines))
    lines[line] = rng.choice(("", "  " + lines[line], lines[line].lstrip(), "- " + lines[line]))
    return "\n".join(lines)


def write(root: Path, texts: dict[str, str]) -> None:
    for folder in FOLDERS:
        shutil.rmtree(root / folder, ignore_errors=True)
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("utf-8", "surrogatepass"))


def exercise(root: Path, rng: random.Random) -> str:
    """Load, check and ask: how far it came. Anything but a KpilayerError leaves."""
    try:
        project = Project.load(root)
    except KpilayerError as error:
        _shown(error.issues)
        return "unloadable"
    _shown(project.check())
    return max(ask(project, rng), ask(project, rng))


def ask(project: Project, rng: random.Random) -> str:
    metrics = project.catalog.metrics
    names = [*metrics, "nothing"] if rng.random() < 0.1 else list(metrics) or ["nothing"]
    where = rng.choice([m.filter[0] for m in metrics.values() if m.filter] or [""])
    try:
        project.compile(
            rng.sample(names, min(len(names), rng.choice((1, 1, 2)))),
            rng.choices(GROUPS, GROUP_WEIGHTS, k=rng.choice((0, 1, 2))),
            [_other_words(where, rng)] if rng.random() < 0.4 else [],
            start=rng.choice((None, None, None, "2026-01-01", "x", "", "0001-01-01", "9999-12-31")),
            end=rng.choice((None, None, None, "2026-01-31", "9999-12-31", "0001-01-01")),
            exact=rng.random() < 0.2,
            order_by=rng.choice(([], [], [], ["-metric_time"], [""], ["-"])),
            limit=rng.choice((None, None, 0, -1, 10**30)),
            dialect=rng.choice((None, "postgres", "duckdb")),
        )
    except KpilayerError as error:
        _shown(error.issues)
        return "asked"
    return "compiled"


def _shown(issues: tuple[Any, ...]) -> None:
    for issue in issues:
        assert issue.code in str(issue)


@pytest.mark.parametrize("seed", range(4))
def test_a_broken_project_gives_issues_and_no_traceback(tmp_path: Path, seed: int) -> None:
    for number in range(seed * 1_000, seed * 1_000 + 15):
        write(tmp_path, broken(random.Random(number)))
        try:
            exercise(tmp_path, random.Random(number))
        except Exception as error:
            error.add_note(f"seed {number}")
            raise


def test_an_odd_question_gives_issues_and_no_traceback(tmp_path: Path) -> None:
    write(tmp_path, TEXTS)
    project = Project.load(tmp_path)
    for seed in range(150):
        ask(project, random.Random(seed))
