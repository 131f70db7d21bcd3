"""The commands of ``library``: KPIs that are ready to take, and drafts of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from kpilayer.cli.options import Session, command, group, output_flags, pass_session
from kpilayer.cli.output import counted, say, write, write_envelope, write_rows
from kpilayer.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from kpilayer.adopting import Adopted, Offer
    from kpilayer.catalog import Catalog
    from kpilayer.library.entries import Fact, FactColumn, LibraryKpi


@group(
    "library",
    examples=(
        "kpilayer library list finance",
        "kpilayer library show nrr",
        "kpilayer library add mrr --map subscriptions=fct_subs --map subscriptions.mrr=amount",
        "kpilayer library add product --pick 5 --dry-run",
    ),
)
def library() -> None:
    """Take KPIs that are defined already.

    Each stands on facts: documented shapes of data. Facts are mapped to the project's semantic
    models, or to tables that get one; what is written are drafts.
    """


# --------------------------------------------------------------------------------------------- list


@command("list", examples=("kpilayer library list", "kpilayer library list finance -f json"))
@click.argument("function", required=False)
@output_flags("table", "csv", "json", "markdown", piped="csv")
@pass_session
def list_(session: Session, function: str | None) -> None:
    """List the KPIs of the library, and what of them is here.

    `here` is the status of the project's KPI of that name, or `metric` where it has no contract;
    `missing` are the facts that no model of the project serves by name. Outside of a project all
    of them are.
    """
    from kpilayer.adopting import offers
    from kpilayer.library.entries import FUNCTIONS

    if function is not None and function not in FUNCTIONS:
        hint = did_you_mean(function, FUNCTIONS) or f"there are {', '.join(FUNCTIONS)}"
        raise click.UsageError(f"There is no function `{function}`; {hint}")
    found = offers(_catalog(session), function)
    columns = ("name", "function", "label", "direction", "cadence", "here", "facts", "missing")
    write_rows(
        session,
        columns,
        [
            (o.name, o.function, o.label, o.kpi.direction if o.kpi else None,
             o.kpi.cadence if o.kpi else None, o.here, ", ".join(o.facts), ", ".join(o.missing))
            for o in found
        ],
        results=[_offer_values(one) for one in found],
        summary={"count": len(found), "here": sum(one.here is not None for one in found)},
    )  # fmt: skip
    if session.format == "table":
        served = sum(not one.missing for one in found)
        here = sum(one.here is not None for one in found)
        say(session, f"{counted(len(found), 'entry')}, {here} here, {served} served by models here")


def _catalog(session: Session) -> Catalog | None:
    """The definitions of the project around; None where there is no project."""
    try:
        return session.load().catalog
    except ConfigError as error:
        if any(issue.code != "no-project" for issue in error.issues):
            raise
        return None


def _offer_values(offer: Offer) -> dict[str, Any]:
    kpi = offer.kpi
    return {
        "name": offer.name,
        "label": offer.label,
        "function": offer.function,
        "kind": kpi.kind if kpi else None,
        "perspective": kpi.perspective if kpi else None,
        "direction": kpi.direction if kpi else None,
        "cadence": kpi.cadence if kpi else None,
        "here": offer.here,
        "facts": {fact: list(columns) for fact, columns in offer.facts.items()},
        "missing": list(offer.missing),
    }


# --------------------------------------------------------------------------------------------- show


@command("show", examples=("kpilayer library show nrr", "kpilayer library show cac -f json"))
@click.argument("name")
@output_flags("table", "json")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a KPI: its formula, what goes wrong with it, the facts.

    Ends with the YAML that `library add` writes where models and columns are called as the facts
    are.
    """
    from kpilayer.library.drafts import sample
    from kpilayer.library.entries import library as read

    shipped = read()
    if name not in shipped.names:
        hint = did_you_mean(name, shipped.names) or "`kpilayer library list` shows them all"
        raise click.UsageError(f"The library has no `{name}`; {hint}")
    kpi, metric = shipped.kpis.get(name), shipped.metrics[name]
    facts = shipped.columns_of(shipped.below(name))
    text = sample(shipped, name)
    if session.format == "json":
        result = {
            "name": name,
            "label": kpi.label if kpi else metric.data["label"],
            "function": metric.function,
            "formula": kpi.formula if kpi else metric.data["description"],
            "traps": list(kpi.traps) if kpi else [],
            "guardrails": list(kpi.guardrails) if kpi else [],
            "variants": list(kpi.variants) if kpi else [],
            "healthy": kpi.healthy.in_words if kpi and kpi.healthy else None,
            "source": kpi.source if kpi else None,
            "facts": [
                {"fact": f, "grain": shipped.facts[f].grain,
                 "columns": [_column_values(shipped.facts[f].columns[c]) for c in columns]}
                for f, columns in facts.items()
            ],
            "yaml": text,
        }  # fmt: skip
        write_envelope(session, [result], {"name": name})
        return
    lines = _said(kpi) if kpi else [f"{metric.data['label']}: {metric.data['description']}"]
    for fact, columns in facts.items():
        lines += ["", f"{fact}: {shipped.facts[fact].grain}"]
        width = max(map(len, columns))
        for column in (shipped.facts[fact].columns[one] for one in columns):
            lines.append(
                f"  {column.name.ljust(width)}  {column.role}, {column.type}: {column.meaning}"
            )
    write(session, "\n".join([*lines, "", text]))


def _said(kpi: LibraryKpi) -> list[str]:
    lines = [f"{kpi.label}: {kpi.formula}"]
    lines.append(f"{kpi.kind}, {kpi.perspective}, {kpi.direction} is better, {kpi.cadence}"
                 if kpi.direction != "range"
                 else f"{kpi.kind}, {kpi.perspective}, within a range, {kpi.cadence}")  # fmt: skip
    if kpi.source is not None:
        lines.append(f"what others reach: {kpi.source}")
    else:
        lines.append("what others reach: no source gives a number; calibrate from your own history")
    lines += [f"trap: {trap}" for trap in kpi.traps]
    if kpi.variants:
        lines.append(f"variants, each a number of its own: {', '.join(kpi.variants)}")
    if kpi.guardrails:
        lines.append(f"guardrails: {', '.join(kpi.guardrails)}")
    return lines


def _column_values(column: FactColumn) -> dict[str, Any]:
    return {"name": column.name, "role": column.role, "type": column.type,
            "meaning": column.meaning}  # fmt: skip


# ---------------------------------------------------------------------------------------------- add


@command(
    "add",
    examples=(
        "kpilayer library add mrr nrr",
        "kpilayer library add mrr --map subscriptions=fct_subs --map subscriptions.mrr=amount",
        "kpilayer library add support --pick 3",
        "kpilayer library add churn_rate --dry-run",
    ),
)
@click.argument("names", metavar="NAME...|FUNCTION", nargs=-1, required=True)
@click.option("--pick", type=click.IntRange(min=1), metavar="N",
              help="So many KPIs of FUNCTION, those first that the data serve.")  # fmt: skip
@click.option("--map", "said", multiple=True, metavar="FACT[.COLUMN]=NAME",
              help="The model or table of a fact; the column or SQL of its column.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
@output_flags("table", "json")
@pass_session
def add(
    session: Session, names: tuple[str, ...], pick: int | None, said: Sequence[str], dry_run: bool
) -> None:
    """Write drafts of KPIs, with their metrics, into new files.

    A fact is a semantic model of the project, or a table of the target, which gets a model; its
    columns are dimensions, entities, columns or SQL over them. What is called the same on both
    sides is taken and told. The rest is asked for at a terminal, and refused elsewhere.

    No function gets more than five KPIs, drafts counted. No file is changed, and nothing is
    written unless the project passes `check` with it.
    """
    from kpilayer.library.entries import FUNCTIONS

    if pick is not None and (len(names) != 1 or names[0] not in FUNCTIONS):
        raise click.UsageError(f"`--pick` takes one function: {', '.join(FUNCTIONS)}.")
    if pick is None and (functions := [name for name in names if name in FUNCTIONS]):
        raise click.UsageError(f"`{functions[0]}` is a function: say how many with `--pick N`.")
    places = _places(said)
    project = session.load()
    wanted = names if pick is None else project.pick(names[0], pick, places)
    ask = _asked if is_terminal() else None
    found = project.adopt(wanted, places, ask=ask, write=not dry_run)
    if session.format == "json":
        files = [{"path": path, "text": text} for path, text in found.files.items()]
        summary = {"kpis": list(found.kpis), "metrics": list(found.metrics),
                   "kept": list(found.kept), "written": not dry_run}  # fmt: skip
        write_envelope(session, files, summary)
    elif dry_run:
        write(session, "\n".join(f"# {path}\n{text}" for path, text in found.files.items()))
    else:
        write(session, (f"{path}\n" for path in found.files))
    _tell(session, found, dry_run)


def _places(said: Sequence[str]) -> dict[str, str]:
    """Names and SQL by fact and column, as `--map` gives them."""
    from kpilayer.library.entries import library as read

    facts = read().facts
    known = [
        *facts,
        *(f"{fact.name}.{column}" for fact in facts.values() for column in fact.columns),
    ]
    found: dict[str, str] = {}
    for text in said:
        place, equals, name = text.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"`--map {text}` is not FACT=NAME or FACT.COLUMN=NAME.")
        if place.strip() not in known:
            hint = did_you_mean(place.strip(), known) or "`kpilayer library show` names facts"
            raise click.UsageError(f"The library has no `{place.strip()}`; {hint}")
        found[place.strip()] = name.strip()
    return found


def is_terminal() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(fact: Fact, column: FactColumn | None, name: str) -> str | None:
    """What somebody at the terminal says; nothing leaves it open."""
    if column is None:
        question = f"Which model or table is `{fact.name}` ({fact.grain})?"
    else:
        question = f"Which column of `{name}` is `{fact.name}.{column.name}` ({column.meaning})?"
    answer: str = click.prompt(question, default="", show_default=False, err=True)
    return answer.strip() or None


def _tell(session: Session, found: Adopted, dry_run: bool) -> None:
    for place in found.placed:
        what = f"table `{place.table}`" if place.table else f"model `{place.model}`"
        same = [one for one in place.taken if "." in one]
        by_name = ", which is called so" if place.fact.name in place.taken else ""
        columns = (
            f"; taken by their names: {', '.join(c.split('.')[1] for c in same)}" if same else ""
        )
        say(session, f"{place.fact.name} is the {what}{by_name}{columns}")
    if found.kept:
        say(session, f"the project's own metrics are used: {', '.join(found.kept)}")
    done = "would be written" if dry_run else "written"
    drafts = [counted(len(found.kpis), "KPI"), counted(len(found.metrics), "metric")]
    say(session, f"{' and '.join(drafts)} {done} as drafts")
    if found.kpis and not dry_run:
        say(session, f"\nNext:\n  kpilayer init kpi {found.kpis[0]}")


library.add_command(list_)
library.add_command(show)
library.add_command(add)
