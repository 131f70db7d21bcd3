"""A semantic model: a table or query described for analysis."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from kpilayer.grain import Grain
from kpilayer.model.names import Config, Definition, Name, Reference, Sql, Zone, checked_name
from kpilayer.snippets import column_text

EntityType = Literal["primary", "unique", "foreign", "natural"]
_GRAIN_HINT: Final = "add how fine it is, for example `granularity: day`"


class ValidityParams(Definition):
    """Which end of a row's life a time dimension is (slowly changing dimensions, type 2)."""

    is_start: bool = False
    """The row holds from this time on."""
    is_end: bool = False
    """The row holds until before this time; NULL: still."""


class Entity(Definition):
    """A join key with a role."""

    name: Name
    """The name that paths use: `account` in `account__segment`."""
    type: EntityType
    """primary or unique: one row per value; foreign: any number of rows per value."""
    expr: Sql | None = None
    """The key as an expression; the name by default."""
    columns: tuple[Sql, ...] = ()
    """Instead of `expr`: the parts of a composite key: dimensions, columns, expressions."""
    to: Reference | None = None
    """The entity that a role stands for: `buyer` to `user`. The name by default."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What one value stands for."""
    config: Config = Config()
    """Grouping and metadata."""

    @model_validator(mode="after")
    def _one_key(self) -> Entity:
        if self.expr and self.columns:
            raise PydanticCustomError(
                "bad-value", "an entity has an `expr` or `columns`, not both", {"key": "columns"}
            )
        if len(self.columns) == 1:
            raise PydanticCustomError(
                "bad-value",
                "a composite key has two parts or more",
                {"key": "columns", "hint": f"for one: `expr: {self.columns[0]}`"},
            )
        return self

    @property
    def sql(self) -> str:
        """The key as SQL; of a composite key, a row of its parts."""
        if self.columns:
            return f"ROW({', '.join(self.columns)})"
        return self.expr or column_text(self.name)

    @property
    def target(self) -> str:
        """The entity whose home model this key joins to."""
        return self.to or self.name

    @property
    def is_unique(self) -> bool:
        """Whether a value stands in one row at most."""
        return self.type in ("primary", "unique")


class Dimension(Definition):
    """An attribute to group or filter by."""

    name: Name
    """The last part of its address: `segment` in `account__segment`."""
    type: Literal["categorical", "time"]
    """categorical: any value; time: a date or timestamp that can be truncated."""
    granularity: Grain | None = None
    """How fine a time dimension is; required for it."""
    expr: Sql | None = None
    """The value as an expression; the name by default."""
    is_partition: bool = False
    """Whether joined models must agree on it, where both have it by this name."""
    validity_params: ValidityParams | None = None
    """Which end of a row's life it is, in a slowly changing dimension of type 2."""
    timezone: Zone | None = None
    """The zone of the stored value: it is an instant, shown in the reporting zone."""
    report_timezone: Zone | None = None
    """The zone in which it is shown; the project's by default."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What the values mean."""
    config: Config = Config()
    """Grouping and metadata."""

    @property
    def sql(self) -> str:
        """The value as SQL."""
        return self.expr or column_text(self.name)

    @model_validator(mode="after")
    def _time_has_a_grain(self) -> Dimension:
        if self.type == "time" and self.granularity is None:
            raise PydanticCustomError(
                "missing-field",
                "time dimension `{name}` has no `granularity`",
                {"name": self.name, "key": "type", "hint": _GRAIN_HINT},
            )
        if self.type == "categorical" and self.granularity is not None:
            raise PydanticCustomError(
                "bad-value",
                "`granularity` belongs to time dimensions; `{name}` is categorical",
                {"name": self.name, "key": "granularity"},
            )
        return self


def _word_as_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class ColumnEntity(Definition):
    """The entity that a column is."""

    type: EntityType
    """primary, unique or foreign."""
    name: Name | None = None
    """The column's name by default."""
    to: Reference | None = None
    """The entity that a role stands for."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What one value stands for."""
    config: Config = Config()
    """Grouping and metadata."""


class ColumnDimension(Definition):
    """The dimension that a column is."""

    type: Literal["categorical", "time"]
    """categorical or time."""
    name: Name | None = None
    """The column's name by default."""
    is_partition: bool = False
    """Whether joined models must agree on it, where both have it by this name."""
    validity_params: ValidityParams | None = None
    """Which end of a row's life it is, in a slowly changing dimension of type 2."""
    timezone: Zone | None = None
    """The zone of the stored value: it is an instant, shown in the reporting zone."""
    report_timezone: Zone | None = None
    """The zone in which it is shown; the project's by default."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What the values mean."""
    config: Config = Config()
    """Grouping and metadata."""


class Column(Definition):
    """A column of the relation, and what it is for analysis."""

    name: str = Field(min_length=1)
    """The column's name in the relation."""
    description: str | None = None
    """What it holds."""
    granularity: Grain | None = None
    """How fine a time column is."""
    entity: Annotated[ColumnEntity | None, BeforeValidator(_word_as_type)] = None
    """The join key that it is, if any: a word for its type, or a mapping."""
    dimension: Annotated[ColumnDimension | None, BeforeValidator(_word_as_type)] = None
    """The attribute that it is, if any: a word for its type, or a mapping."""

    @model_validator(mode="after")
    def _fit_for_its_role(self) -> Column:
        """What makes an entity or dimension of the column later must not fail then."""
        for role, what in (("entity", self.entity), ("dimension", self.dimension)):
            if what is not None and what.name is None:
                try:
                    checked_name(self.name)
                except PydanticCustomError as error:
                    raise PydanticCustomError(
                        "bad-name",
                        "{rule}",
                        {
                            "rule": error.message(),
                            "key": "name",
                            "hint": f"give the {role} a name: `{role}: {{type: .., name: ..}}`",
                        },
                    ) from None
        if self.dimension is not None and self.dimension.type == "time" and not self.granularity:
            raise PydanticCustomError(
                "missing-field",
                "time dimension `{name}` has no `granularity`",
                {"name": self.dimension.name or self.name, "key": "dimension", "hint": _GRAIN_HINT},
            )
        if self.granularity and not (self.dimension and self.dimension.type == "time"):
            raise PydanticCustomError(
                "bad-value",
                "`granularity` belongs to time dimensions, and `{name}` is none",
                {"name": self.name, "key": "granularity"},
            )
        return self


class DerivedSemantics(Definition):
    """Entities and dimensions that are not a plain column."""

    entities: tuple[Entity, ...] = ()
    """Join keys as expressions."""
    dimensions: tuple[Dimension, ...] = ()
    """Attributes as expressions."""


class Active(Definition):
    """The interval over which a row holds."""

    from_: Annotated[str, Field(alias="from")]
    """The column or expression of its first day."""
    to: str
    """The column or expression of its last day; NULL: still."""
    to_inclusive: bool = False
    """Whether the row still holds on the last day itself."""


class ConformedDimension(Definition):
    """One name for a dimension that several models have: each metric reaches one of them."""

    name: Name
    """The name that group-bys and filters use, without an entity."""
    from_: Annotated[tuple[Reference, ...], Field(alias="from", min_length=1)]
    """Addresses, `customer__region`; a metric uses the one that it reaches many-to-one."""
    label: str | None = None
    """A name for people."""
    description: str | None = None
    """What the values mean."""


#: What an attribute of a role begins with, where it stands as a name in a filter.
ROLE: Final = "role."


class RowAccess(Definition):
    """Which rows a role may see; always applied."""

    filter: Sql
    """A condition over dimensions and `{{ role.<attribute> }}`."""


class Model(Definition):
    """A table, file or query described for analysis; its primary entity names one row."""

    name: Name
    """The name that metrics and `ref` use."""
    description: str | None = None
    """What one row is."""
    label: str | None = None
    """A name for people."""
    relation: str | None = None
    """The table or view, `schema.table`; else models/<name>.sql, else <target schema>.<name>."""
    path: str | None = None
    """A Parquet, CSV or JSON file or glob, on engines that read files; relative to the project."""
    hive_partitioning: bool | None = None
    """Whether folders such as `year=2026` are columns; by default where all files lie in such."""
    union_by_name: bool | None = None
    """Whether columns of several files are matched by name, and may be missing; else by place."""
    ref: Reference | None = None
    """The dbt or SQL model whose rows these are, where it has another name."""
    semantic_model: bool = True
    """Whether the model takes part in metrics."""
    agg_time_dimension: Reference | None = None
    """The time dimension that is `metric_time` for its metrics."""
    primary_entity: Name | None = None
    """A name for rows of a model without a primary entity column."""
    columns: tuple[Column, ...] = ()
    """Columns with what they are."""
    derived_semantics: DerivedSemantics = DerivedSemantics()
    """Entities and dimensions as expressions."""
    active: Active | None = None
    """The interval over which each row holds, where rows are no events."""
    bridge: bool = False
    """Whether it may be crossed between many and many."""
    row_access: RowAccess | None = None
    """Which rows a role may see."""
    materialized: Literal["view"] | None = None
    """Whether publishing makes a view of a SQL model."""
    config: Config = Config()
    """Grouping and metadata."""

    @model_validator(mode="after")
    def _one_source(self) -> Model:
        if self.relation and self.path:
            raise PydanticCustomError(
                "bad-value", "a model has a `relation` or a `path`, not both", {"key": "path"}
            )
        for key in ("hive_partitioning", "union_by_name"):
            if getattr(self, key) is not None and self.path is None:
                message = f"`{key}` says how files are read, and the model has no `path`"
                raise PydanticCustomError("bad-value", message, {"key": key})
        return self

    @cached_property
    def entities(self) -> tuple[Entity, ...]:
        """Join keys, from columns first, then derived ones."""
        found = [
            Entity(
                name=c.entity.name or c.name,
                expr=column_text(c.name),
                **c.entity.model_dump(exclude={"name"}),
            )
            for c in self.columns
            if c.entity is not None
        ]
        return (*found, *self.derived_semantics.entities)

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Attributes, from columns first, then derived ones."""
        found = [
            Dimension(
                name=c.dimension.name or c.name,
                granularity=c.granularity if c.dimension.type == "time" else None,
                expr=column_text(c.name),
                **c.dimension.model_dump(exclude={"name"}),
            )
            for c in self.columns
            if c.dimension is not None
        ]
        return (*found, *self.derived_semantics.dimensions)

    def entity(self, name: str) -> Entity | None:
        """The entity of this name."""
        return next((e for e in self.entities if e.name == name), None)

    def dimension(self, name: str) -> Dimension | None:
        """The dimension of this name."""
        return next((d for d in self.dimensions if d.name == name), None)

    def key(self, entity: Entity) -> tuple[str, ...]:
        """The SQL of each part of an entity's key; a part that is a dimension's name means it."""
        if not entity.columns:
            return (entity.sql,)
        named = (self.dimension(part.strip().lower()) for part in entity.columns)
        pairs = zip(entity.columns, named, strict=True)
        return tuple(part if found is None else found.sql for part, found in pairs)

    @cached_property
    def validity(self) -> tuple[Dimension, Dimension] | None:
        """From when and until when a row holds, where the model keeps versions of its rows."""
        ends = [d for d in self.dimensions if d.validity_params is not None]
        starts = [d for d in ends if d.validity_params and d.validity_params.is_start]
        stops = [d for d in ends if d.validity_params and d.validity_params.is_end]
        return (starts[0], stops[0]) if starts and stops else None

    @cached_property
    def partitions(self) -> tuple[Dimension, ...]:
        """The dimensions on which joined models must agree, where both have them."""
        return tuple(d for d in self.dimensions if d.is_partition)

    @property
    def own_names(self) -> tuple[str, ...]:
        """The entities by which its own dimensions are addressed, the primary one first."""
        unique = [e for e in self.entities if e.is_unique or e.type == "natural"]
        unique.sort(key=lambda e: e.type != "primary")
        virtual = (self.primary_entity,) if self.primary_entity else ()
        return (*virtual, *(e.name for e in unique))
