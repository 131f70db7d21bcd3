"""What is switched off, by itself or by dbt_project.yml, is not there and makes nothing."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kpilayer import Project
from kpilayer.errors import ConfigError
from kpilayer.load.dbt.switches import truth

OFF = ["false", "no", "No", "OFF", "off", "FALSE"]
SALES = """
semantic_models:
  - name: sales
    config: {enabled: CONFIG}
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_at}
    entities: [{name: order, type: primary, expr: order_id}]
    dimensions: [{name: ordered_at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: revenue, agg: sum, expr: amount, create_metric: yes}]
"""
#: A native model with a metric inside; `SWITCH` says whether it is semantic.
NATIVE = """
models:
  - name: visits
    SWITCH
    agg_time_dimension: visited_at
    columns:
      - {name: visit_id, entity: {type: primary, name: visit}}
      - {name: visited_at, granularity: day, dimension: time}
    metrics: [{name: visits, agg: count, expr: 1}]
    MORE
"""


def project(folder: Path, *files: str, dbt: str = "") -> Project:
    (folder / "models/team").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text("name: shop\n" + textwrap.dedent(dbt))
    for number, text in enumerate(files):
        (folder / f"models/team/{number}.yml").write_text(text)
    return Project.load(folder)


def names(found: Project) -> set[str]:
    """The metrics of a project without errors."""
    assert [i for i in found.check() if i.severity == "error"] == []
    return {m.name for m in found.metrics}


def errors(found: Project) -> list[tuple[str, str]]:
    return [(i.code, i.message) for i in found.check() if i.severity == "error"]


def sales(config: str = "true") -> str:
    return SALES.replace("CONFIG", config)


def native(switch: str, more: str = "") -> str:
    return NATIVE.replace("SWITCH", switch).replace("MORE", more)


# --------------------------------------------------------------------------------------- the words


def test_the_booleans_of_yaml_1_1_are_these_and_no_others() -> None:
    spelt = [s for w in ("true", "yes", "on") for s in (w, w.title(), w.upper())]
    assert [truth(word) for word in spelt] == [True] * 9
    spelt = [s for w in ("false", "no", "off") for s in (w, w.title(), w.upper())]
    assert [truth(word) for word in spelt] == [False] * 9
    wrong: list[object] = ["nO", "y", "n", "t", "", "1", 1, 0, None, [], "maybe"]
    assert [truth(word) for word in wrong] == [None] * len(wrong)


@pytest.mark.parametrize("word", OFF)
def test_every_word_for_off_switches_off(tmp_path: Path, word: str) -> None:
    metrics = (
        f"metrics: [{{name: gone, model: sales, agg: max, expr: b, config: {{enabled: {word}}}}}]"
    )
    assert names(project(tmp_path, sales(), metrics)) == {"revenue"}
    assert names(project(tmp_path, sales(word), "")) == set()
    assert names(project(tmp_path, native(f"semantic_model: {word}"))) == set()
    assert names(project(tmp_path, native(f"semantic_model: {{enabled: {word}}}"))) == set()


@pytest.mark.parametrize("word", ["n", "0", "disabled", "2", "[]"])
def test_what_is_no_boolean_never_counts_as_on(tmp_path: Path, word: str) -> None:
    wrong = ("bad-value", "`enabled` takes true or false")
    assert wrong in errors(project(tmp_path, sales(word)))
    assert wrong in errors(project(tmp_path, native(f"semantic_model: {{enabled: {word}}}")))
    of_metric = native("semantic_model: yes").replace("expr: 1", f"config: {{enabled: {word}}}")
    assert wrong in errors(project(tmp_path, of_metric))
    with pytest.raises(ConfigError) as caught:
        project(tmp_path, dbt=f"metrics: {{shop: {{+enabled: {word}}}}}")
    (issue,) = caught.value.issues
    assert (issue.code, issue.message) == ("bad-value", "`+enabled` takes true or false")
    assert issue.location is not None and issue.location.line == 2


def test_a_folders_switch_may_be_a_word_of_yaml_1_1(tmp_path: Path) -> None:
    metrics = "metrics: [{name: top, model: sales, agg: max, expr: b%s}]"
    for word in OFF:
        dbt = f"metrics: {{shop: {{team: {{+enabled: {word}}}}}}}"
        assert "top" not in names(project(tmp_path, sales(), metrics % "", dbt=dbt))
    assert names(project(tmp_path, sales(), dbt=dbt)) == {"revenue"}  # made with its model
    with_meta = sales().replace("agg: sum", "agg: sum, config: {meta: {tier: 1}}")
    (made,) = project(tmp_path, with_meta, dbt=dbt).catalog.definitions.metrics
    assert made.config.meta == {"tier": 1}
    of_itself = metrics % ", config: {enabled: on}"
    assert "top" in names(project(tmp_path, sales(), of_itself, dbt=dbt))


# ------------------------------------------------------------------------------- metrics that are off

GONE = "metrics: [{name: %s, type: simple, %stype_params: {measure: revenue}}]"
TOTAL = """
metrics:
  - {name: total, type: cumulative, config: {enabled: true}, type_params: {measure: revenue}}
"""


@pytest.mark.parametrize("by_folder", [True, False])
def test_a_metric_that_is_off_does_not_stand_for_its_measure(
    tmp_path: Path, by_folder: bool
) -> None:
    text = sales().replace(", create_metric: yes", "")
    dbt = "metrics: {shop: {+enabled: no}}" if by_folder else ""
    gone = GONE % ("sold", "" if by_folder else "config: {enabled: no}, ")
    found = project(tmp_path, text, gone, TOTAL, dbt=dbt)
    definitions = found.catalog.definitions
    assert "sold" not in {m.name for m in definitions.metrics}
    (total,) = [m for m in definitions.metrics if m.name == "total"]
    assert "sold" not in str(total)
    assert not {c for c, _ in errors(found)} & {"unknown-metric", "unknown-measure"}


@pytest.mark.parametrize(
    "form", ["type_params: {measure: revenue}", "model: sales, agg: max, expr: b"]
)
def test_a_metric_that_is_off_leaves_its_name_to_the_measure(tmp_path: Path, form: str) -> None:
    gone = f"metrics: [{{name: revenue, type: simple, config: {{enabled: no}}, {form}}}]"
    assert names(project(tmp_path, sales(), gone)) == {"revenue"}
    assert "SUM(" in project(tmp_path, sales(), gone).compile("revenue")


def test_a_metric_that_is_off_has_no_problems(tmp_path: Path) -> None:
    gone = "config: {enabled: no}, type_params: {measure: nowhere}"
    text = f"metrics: [{{name: gone, type: simple, {gone}}}]"
    assert names(project(tmp_path, sales(), text)) == {"revenue"}


# ------------------------------------------------------------------------- semantic models that are off


def test_a_semantic_model_that_is_off_makes_no_metrics(tmp_path: Path) -> None:
    assert names(project(tmp_path, sales())) == {"revenue"}
    assert names(project(tmp_path, sales("false"))) == set()
    text = sales().replace("    config: {enabled: true}\n", "")
    assert names(project(tmp_path, text)) == {"revenue"}
    dbt = "semantic-models: {shop: {team: {+enabled: false}}}"
    assert names(project(tmp_path, text, dbt=dbt)) == set()


@pytest.mark.parametrize(
    ("switch", "more", "dbt"),
    [
        ("semantic_model: true", "config: {enabled: false}", ""),
        ("semantic_model: {config: {enabled: false}}", "", ""),
        ("semantic_model: {enabled: false}", "", ""),
        ("semantic_model: true", "", "semantic-models: {+enabled: false}"),
    ],
)
@pytest.mark.parametrize("last", ["", "measures: [{name: stays, agg: max, create_metric: yes}]"])
def test_a_native_model_that_is_off_has_no_metrics(
    tmp_path: Path, switch: str, more: str, dbt: str, last: str
) -> None:
    text = f"{native(switch, more)}\n    {last}\n"
    assert names(project(tmp_path, text, dbt=dbt)) == set()
    on = f"{native('semantic_model: true')}\n    {last}\n"
    assert names(project(tmp_path, on)) == ({"visits", "stays"} if last else {"visits"})


@pytest.mark.parametrize(
    "switch",
    [
        "{semantic_model: true, config: {enabled: %s}}",
        "{semantic_model: {config: {enabled: %s}}}",
        "{semantic_model: {enabled: %s}}",
    ],
)
def test_jinja_may_switch_a_native_model_off(tmp_path: Path, switch: str) -> None:
    for condition, left in (("1 > 2", set[str]()), ("2 > 1", {"visits"})):
        text = switch[1:-1] % f'"{{{{ {condition} }}}}"'
        text = text.replace(", config", "\n    config")
        assert names(project(tmp_path, native(text))) == left


def test_a_model_that_is_off_leaves_its_measures_and_metrics_names_to_others(
    tmp_path: Path,
) -> None:
    other = sales().replace("name: sales", "name: other").replace("name: order,", "name: basket,")
    assert names(project(tmp_path, sales("off"), other)) == {"revenue"}
    nested = native("semantic_model: off").replace("name: visits, agg", "name: revenue, agg")
    assert names(project(tmp_path, sales(), nested)) == {"revenue"}
