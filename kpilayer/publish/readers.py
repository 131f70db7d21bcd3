"""What depends on who reads a view: rows by their role, and values that are masked.

Both become conditions in the view's own text, which a reviewer can read. They ask for the user who
reads, not for the one who published: `current_user` of a view's reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse_one

from kpilayer import access
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, Formula
from kpilayer.identity import Identity
from kpilayer.model.metric_parts import Mask
from kpilayer.model.view import RoleTable
from kpilayer.plan.nodes import Visible
from kpilayer.publish.engines import Engine
from kpilayer.references import metrics_read

PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Readers:
    """How a database tells who reads: ``roles`` is the table of the project that says so."""

    engine: Engine
    roles: RoleTable | None
    groups: Mapping[str, tuple[str, ...]]
    """The roles of the database that stand for each group."""

    # ----------------------------------------------------------------------------------------- rows

    def check_rows(self, shown: Iterable[Visible]) -> None:
        """Nothing, where the database can tell the role of whoever reads.

        Raises:
            QueryError: `bad-view`, naming models and what is missing.
        """
        issues = [issue for one in shown for issue in self._of_rows(one)]
        if issues:
            raise QueryError(issues)

    def _of_rows(self, shown: Visible) -> Iterator[Issue]:
        message = f"`{shown.model}` has row access, and "
        if not self.engine.user:
            hint = "publish to a server, or read it with `kpilayer query --role`"
            message += f"{self.engine.dialect} does not know who reads a view"
            yield Issue("bad-view", message, hint=hint)
        elif self.roles is None:
            message += "nothing says which role a user of the database has"
            hint = "name a table: `publish: {roles: {relation: .., user: .., attributes: {..}}}`"
            yield Issue("bad-view", message, hint=hint)
        else:
            for name in shown.attributes:
                if name not in self.roles.attributes:
                    message += f"`publish.roles` has no column for `role.{name}`"
                    yield Issue("bad-view", message, hint=f"add `attributes: {{{name}: ..}}`")

    def spell(self, tree: exp.Select) -> None:
        """Writes what asks for a role as questions to the table of roles."""
        if self.roles is None:
            return
        for call in [n for n in tree.find_all(exp.Anonymous) if n.name == access.HAS_ATTRIBUTE]:
            column = self.roles.attributes[call.expressions[0].name]
            call.replace(exp.Exists(this=self._select(exp.Literal.number(1), column)))
        for call in [n for n in tree.find_all(exp.Anonymous) if n.name == access.ATTRIBUTE]:
            column = self.roles.attributes[call.expressions[0].name]
            values = self._select(exp.column(column, table="roles"), column)
            parent = call.parent
            if isinstance(parent, exp.In) and call is not parent.this:
                _in_values(parent, call, values)
            else:
                call.replace(exp.Subquery(this=values))

    def _select(self, value: exp.Expr, column: str) -> exp.Select:
        """The rows of the reader in the table of roles, where a column has a value."""
        assert self.roles is not None, "the caller looked"
        table = exp.to_table(self.roles.relation, dialect=self.engine.dialect)
        table.set("alias", exp.TableAlias(this=exp.to_identifier("roles")))
        is_reader = exp.EQ(
            this=exp.column(self.roles.user, table="roles"),
            expression=parse_one(self.engine.user, dialect=self.engine.dialect),
        )
        has_value = exp.Not(
            this=exp.Is(this=exp.column(column, table="roles"), expression=exp.Null())
        )
        where = exp.Where(this=exp.And(this=is_reader, expression=has_value))
        return exp.Select(expressions=[value], where=where).from_(table, copy=False)

    # --------------------------------------------------------------------------------------- values

    def roles_named(self, masks: Iterable[Mask]) -> Iterator[str]:
        """The roles of the database that views ask for; reading one fails where there is none."""
        if self.engine.has_roles and (self.roles is None or self.roles.group is None):
            for mask in masks:
                for word in mask.unless:
                    if word.lower() != PUBLIC:
                        yield from self.groups.get(word.lower()) or (word,)

    def check_masks(self, masks: Iterable[Mask]) -> None:
        """Nothing, where the database can tell whether a reader is in a group.

        Raises:
            QueryError: `bad-view`.
        """
        by_table = self.roles is not None and self.roles.group is not None
        if any(masks) and not (self.engine.user and (by_table or self.engine.has_roles)):
            message = f"a masked metric is in it, and {self.engine.dialect} does not know who reads"
            hint = "publish to PostgreSQL, or leave the metric out"
            if self.engine.user:
                message += ", unless a table says which groups a user is in"
                hint = "name the column: `publish: {roles: {.., group: ..}}`"
            raise QueryError(Issue("bad-view", message, hint=hint))

    def masked(self, value: exp.Expr, masks: Iterable[Mask], *, is_component: bool) -> exp.Expr:
        """A value that those alone see who are in a group of every mask."""
        for mask in masks:
            if mask.round_to is None or is_component:
                rest: exp.Expr | None = None
            else:
                unit = exp.Literal.number(mask.round_to)
                share = exp.Div(this=exp.Paren(this=value.copy()), expression=unit)
                rest = exp.Mul(this=exp.Round(this=share), expression=unit.copy())
            value = exp.Case(ifs=[exp.If(this=self._is_in(mask), true=value)], default=rest)
        return value

    def _is_in(self, mask: Mask) -> exp.Expr:
        found: list[exp.Expr] = []
        if self.roles is not None and self.roles.group is not None:
            column = exp.column(self.roles.group, table="roles")
            rows = self._select(exp.Literal.number(1), self.roles.group)
            named = exp.In(this=column, expressions=[_text(word) for word in mask.unless])
            where = rows.args["where"]
            where.set("this", exp.And(this=where.this, expression=named))
            return exp.Exists(this=rows)
        for word in mask.unless:
            for role in self.groups.get(word.lower()) or (word,):
                asked = [parse_one("CURRENT_USER"), _text(role), _text("MEMBER")]
                found.append(exp.Anonymous(this="pg_has_role", expressions=asked))
        condition = found[0]
        for other in found[1:]:
            condition = exp.Or(this=condition, expression=other)
        return condition


def _in_values(within: exp.In, call: exp.Expr, values: exp.Select) -> None:
    """`x IN (role.regions, 'EU')`: the values of the table, or what else is listed."""
    others = [e for e in within.expressions if e is not call]
    of_table = exp.In(this=within.this.copy(), query=exp.Subquery(this=values))
    if not others:
        within.replace(of_table)
        return
    rest = exp.In(this=within.this.copy(), expressions=others)
    within.replace(exp.Paren(this=exp.Or(this=of_table, expression=rest)))


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


# --------------------------------------------------------------------------------- which are masked


def masks_of(identity: Identity, name: str) -> tuple[Mask, ...]:
    """The masks that lie on a metric: its own, else those of all that it is computed from.

    A metric that repeats the formula of a masked one is masked too, whatever its name.
    """
    catalog = identity.catalog
    own = catalog.metric(name).mask
    if own is not None:
        return () if PUBLIC in (word.lower() for word in own.unless) else (own,)
    found = dict.fromkeys(_inherited(catalog, name, set()))
    found |= dict.fromkeys(masks_on(identity, formula(identity.graph, name)))
    # What rounds a value says nothing of what is computed from it: it is hidden.
    hidden = (mask.model_copy(update={"round_to": None}) for mask in found)
    return tuple(dict.fromkeys(hidden))


def masks_on(identity: Identity, tree: Formula) -> tuple[Mask, ...]:
    """The masks of metrics whose formula is a part of this one."""
    whole = set(_parts(tree))
    return tuple(
        metric.mask
        for metric in identity.catalog.metrics.values()
        if metric.mask is not None
        and PUBLIC not in (word.lower() for word in metric.mask.unless)
        and formula(identity.graph, metric.name) in whole
    )


def _inherited(catalog: Catalog, name: str, seen: set[str]) -> Iterator[Mask]:
    for read in metrics_read(catalog.definitions, catalog.metric(name)):
        if read in seen:
            continue
        seen.add(read)
        own = catalog.metric(read).mask
        if own is None:
            yield from _inherited(catalog, read, seen)
        elif PUBLIC not in (word.lower() for word in own.unless):
            yield own


def _parts(tree: Formula) -> Iterator[Formula]:
    yield tree
    if not isinstance(tree, Atom):
        for _, inner in tree.inputs:
            yield from _parts(inner)
