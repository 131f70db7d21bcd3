"""A sample of the rows of both sides: all rows of some keys, the same ones in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.times import homes
from kpilayer.identity import Identity
from kpilayer.model.semantic_model import DerivedSemantics, Dimension, Model
from kpilayer.plan.query import Condition
from kpilayer.snippets import quote_of

_SAMPLE: Final = "kpilayer_sample"
_DIGITS: Final = 4  # of the hash, in which shares are told
#: Engines in which the hash that samples are taken by is not there.
_NO_HASH: Final = frozenset({"sqlite"})


def sampled(identity: Identity, by: str | None, dialect: str) -> Identity:
    """The same project in which the rows of models can be sampled by a hash of an entity's key.

    By the primary entity of each model, or the one that ``by`` names. All rows of one key are in
    the sample, or none of them, on both sides and in every run.

    Raises:
        QueryError: the engine has no such hash.
    """
    if dialect in _NO_HASH:
        message = f"{dialect} has no MD5, by which samples are taken"
        raise QueryError(Issue("unsupported-in-dialect", message, hint="leave `--sample` out"))
    catalog = identity.catalog
    models = {name: _with_hash(catalog, m, by) or m for name, m in catalog.models.items()}
    catalog = replace(catalog, models=models)
    return Identity(replace(identity.graph, catalog=catalog))


def _with_hash(catalog: Catalog, model: Model, by: str | None) -> Model | None:
    key = _key(model, by)
    if key is None:
        return None
    text = exp.cast(catalog.snippet(key).tree, exp.DType.VARCHAR, copy=True)
    digits = exp.Substring(
        this=exp.MD5(this=text), start=exp.Literal.number(1), length=exp.Literal.number(_DIGITS)
    )
    hashed = exp.Lower(this=digits).sql(dialect=catalog.dialect)
    dimension = Dimension(name=_SAMPLE, type="categorical", expr=hashed)
    derived = model.derived_semantics
    more = DerivedSemantics.model_construct(
        entities=derived.entities, dimensions=(*derived.dimensions, dimension)
    )
    fields = {name: getattr(model, name) for name in Model.model_fields}
    return Model.model_construct(**{**fields, "derived_semantics": more})


def _key(model: Model, by: str | None) -> str | None:
    """The SQL of the key by which rows of a model are sampled; None where it has no such one."""
    named = [e for e in model.entities if (e.name == by if by else e.type == "primary")]
    keys = [model.key(entity) for entity in named]
    return keys[0][0] if keys and len(keys[0]) == 1 and model.own_names else None


def sample_of(identity: Identity, metrics: Sequence[str], share: float) -> Condition:
    """The condition that leaves a share of the rows of metrics.

    Raises:
        QueryError: they have no key to take it by.
    """
    models = {model for name in metrics for model, _ in homes(identity.catalog, name)}
    catalog = identity.catalog
    model = catalog.models[next(iter(models))]
    if len(models) > 1 or model.dimension(_SAMPLE) is None:
        why = (
            "is made of several models"
            if len(models) > 1
            else f"reads `{model.name}`, without such a key"
        )
        message = f"`{metrics[0]}` cannot be sampled: it {why}"
        raise QueryError(Issue("unsound-question", message, hint="name an entity by `--sample-by`"))
    below = format(round(share * 16**_DIGITS), f"0{_DIGITS}x")
    quote = quote_of(catalog.dialect)
    text = f"{quote}{model.own_names[0]}__{_SAMPLE}{quote} < '{below}'"
    return Condition(text, text)


def read_share(text: str) -> float:
    """A share as it is written, `1%` or `0.01`.

    Raises:
        ValueError: it is none between 0 and 1.
    """
    share = float(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    if not 16**-_DIGITS <= share < 1:
        raise ValueError(f"a share lies between {16**-_DIGITS:.5f} and 1")
    return share
