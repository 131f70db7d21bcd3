"""Shapes to relations: their SQL in the words of the warehouse, and the types that it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer.access import READER
from kpilayer.address import metric_column
from kpilayer.formula.build import formula
from kpilayer.identity import Identity
from kpilayer.model.metric import Metric
from kpilayer.model.metric_parts import Mask
from kpilayer.model.view import Renamed, View
from kpilayer.publish import stored
from kpilayer.publish.readers import Readers, masks_of, masks_on
from kpilayer.publish.relations import Column, Filling, Relation, in_order, metric_comment
from kpilayer.publish.shapes import Column as Asked
from kpilayer.publish.shapes import Shape
from kpilayer.rollup import RollUp, roll_up
from kpilayer.sql.compiled import Compiled, compile_query
from kpilayer.sql.select import in_words

#: The SQL of a view for a question and its columns: name in the answer, name in the view. The last
#: argument changes the tree before it is printed.
Finish = Callable[[exp.Select], None]
Written = Callable[[Compiled, Sequence[tuple[str, str]], Finish], str]
#: The types of the columns of a question's view, by its SQL and columns.
Typed = Callable[[Compiled, str, Sequence[tuple[str, str]]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Builder:
    """What relations are made with. ``before`` has the columns that stand in the database."""

    identity: Identity
    dialect: str
    written: Written
    typed: Typed
    before: Mapping[str, tuple[str, ...]]
    today: str
    readers: Readers
    named: Callable[[str], exp.Table]
    newest: Callable[[str, str], tuple[object, object]]
    """The newest value of a column of a table, and when it was filled; None where it is not."""

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        """The relation of one level, behind the table that keeps its rows, where one does.

        Raises:
            QueryError: `bad-view`, `session-time-zone`.
        """
        visible = shape.compiled.planned.visible or ()
        self.readers.check_rows(visible)
        columns = [*shape.columns, *_renamed(shape, self.today)]
        by_name = {column.name: column for column in columns}
        names = in_order(list(by_name), self.before.get(shape.name, ()))
        ordered = [by_name[name] for name in names]
        shown = [(c.asked, c.name) for c in ordered]
        masks = self._masks(ordered)
        sql = self.written(shape.compiled, shown, lambda tree: self._finish(tree, masks))
        types = self.typed(shape.compiled, sql, shown)
        made = tuple(self._column(shape, column, types[column.name]) for column in ordered)
        relation = Relation(
            shape.name,
            shape.kind,
            sql,
            made,
            self._comment(shape),
            shape.fingerprint,
            shape.view.name,
            shape.grain,
            shape.level,
            shape.view.grants,
            is_guarded=bool(visible),
            fingerprints=dict(shape.compiled.fingerprints),
        )
        if shape.view.materialized == "view":
            return (relation,)
        stored.check(shape, self.identity, is_masked=bool(masks))
        bare = self.written(shape.compiled, shown, self.readers.spell)
        table = stored.beside(relation, self._filling(shape, shown, relation, bare), bare)
        over = stored.over(
            table, relation, self.named, self.dialect, lambda t: self._finish(t, masks)
        )
        return (table, over)

    def _filling(
        self, shape: Shape, shown: Sequence[tuple[str, str]], relation: Relation, whole: str
    ) -> Filling:
        """How the table gets its rows: all, or those of the last periods and of later ones."""
        if shape.view.materialized == "table":
            return Filling(whole)
        time = next(column for column in relation.columns if column.role == "time")
        newest, filled = self.newest(f"{relation.name}{stored.SUFFIX}", time.name)
        unit = self.identity.catalog.calendar.unit(shape.grain) or shape.grain
        since = stored.since(shape.view, newest, filled, unit)
        if since is None:
            return Filling(whole)
        query = replace(shape.query, start=since)
        compiled = compile_query(
            query, self.identity, self.dialect, shape.compiled.schema, role=READER
        )
        literal: exp.Expr = exp.Literal.string(since)
        if self.dialect != "sqlite":
            literal = exp.cast(literal, time.type)
        sql = self.written(compiled, shown, self.readers.spell)
        named = exp.column(time.name).sql(dialect=self.dialect, identify=True)
        # Rows without a time belong to no period, and any of them may be new.
        undated = f"SELECT * FROM (\n{whole}\n) AS undated WHERE {named} IS NULL"
        both = f"SELECT * FROM (\n{sql}\n) AS dated\nUNION ALL\n{undated}"
        return Filling(both, time.name, literal.sql(dialect=self.dialect))

    def _masks(self, columns: Sequence[Asked]) -> dict[str, tuple[Asked, tuple[Mask, ...]]]:
        """The masks of each column that has any; a part of a metric has all that lie on it."""
        found = {}
        for column in columns:
            masks = masks_of(self.identity, column.metric) if column.metric else ()
            if column.role == "component":
                part = dict(self._any_roll_up(column.metric).components).get(column.asked)
                masks = (*masks, *(masks_on(self.identity, part) if part is not None else ()))
            if masks:
                self.readers.check_masks(masks)
                found[column.name] = (column, masks)
        return found

    def _finish(
        self, tree: exp.Select, masks: Mapping[str, tuple[Asked, tuple[Mask, ...]]]
    ) -> None:
        self.readers.spell(tree)
        for shown in list(tree.expressions):
            if shown.alias_or_name in masks:
                column, lying = masks[shown.alias_or_name]
                value = shown.unalias().copy()
                hidden = self.readers.masked(value, lying, is_component=column.role == "component")
                shown.replace(exp.alias_(hidden, column.name, copy=False))

    def _column(self, shape: Shape, asked: Asked, type_: str) -> Column:
        column = Column(asked.name, type_, asked.role, asked.metric, asked.group_by)
        prints = shape.compiled.fingerprints
        if asked.role == "metric":
            metric = self.identity.catalog.metric(asked.metric)
            column = self._of_metric(
                shape, metric, replace(column, fingerprint=prints[asked.asked])
            )
        elif asked.role == "component":
            words = f"Part of `{asked.metric}`: adds up, and means nothing alone."
            column = replace(column, additivity="component", description=words)
        else:
            column = replace(column, fingerprint=prints.get(asked.asked, ""))
            column = replace(column, description=_of_group_by(shape, asked))
        return column

    def _of_metric(self, shape: Shape, metric: Metric, column: Column) -> Column:
        found = shape.roll_ups.get(metric_column(metric.name))
        known = found or self._any_roll_up(metric.name)
        told = replace(
            column,
            additivity=known.kind,
            roll_up=self._words(found) if found is not None else None,
            unit=metric.unit or "",
            visible_to=", ".join(w for m in masks_of(self.identity, metric.name) for w in m.unless),
        )
        return replace(told, description=metric_comment(self.identity.catalog, told))

    def _any_roll_up(self, name: str) -> RollUp:
        tree = formula(self.identity.graph, name)
        return roll_up(self.identity.catalog, metric_column(name), tree)

    def _words(self, found: RollUp) -> str | None:
        if found.value is None:
            return None
        return in_words(found.value, self.dialect).sql(dialect=self.dialect)

    def _comment(self, shape: Shape) -> str:
        view = shape.view
        metrics = self.identity.catalog.metrics
        label = view.label or (metrics[view.name].label if view.name in metrics else None)
        said = view.description
        if not shape.is_declared and view.name in metrics:
            said = metrics[view.name].description
        words = [f"{label or view.name}."]
        words += [" ".join(said.split())] if said else []
        rows = [f"{shape.grain}"] if shape.has_time else []
        rows += shape.level
        words.append(f"One row for each {', '.join(rows)}." if rows else "One row.")
        owner = owner_of(view, self.identity)
        told = [*([f"owner={owner}"] if owner else []), f"kpilayer={shape.fingerprint}"]
        return " ".join(" ".join(words).split()) + " | " + " ".join(told)


def owner_of(view: View, identity: Identity) -> str:
    """The group that answers for a view: its own, else that of its metrics, where it is one."""
    if view.config.group:
        return view.config.group
    metrics = (identity.catalog.metrics.get(name) for name in view.metrics)
    groups = {metric.config.group for metric in metrics if metric is not None}
    return (groups.pop() or "") if len(groups) == 1 else ""


def _renamed(shape: Shape, today: str) -> Iterator[Asked]:
    """Columns under their earlier names, as long as those are kept."""
    by_name = {column.name: column for column in shape.columns}
    for one in shape.view.renamed:
        if _is_kept(one, today) and one.column in by_name and one.was not in by_name:
            yield replace(by_name[one.column], name=one.was)


def _is_kept(one: Renamed, today: str) -> bool:
    return today <= one.until.isoformat()


def _of_group_by(shape: Shape, asked: Asked) -> str:
    if asked.role == "time":
        return f"The {shape.grain}, by its first day."
    return f"Group-by `{asked.group_by}`."
