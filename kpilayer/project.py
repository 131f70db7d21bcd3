"""The one object that users hold: a thin facade over the stages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

from kpilayer import (
    adopting,
    arguments,
    arranging,
    artefacts,
    asking,
    checking,
    comparing,
    debugging,
    describe,
    drifting,
    explaining,
    exporting,
    governing,
    judging,
    loading,
    locking,
    modelling,
    pacing,
    promoting,
)
from kpilayer.access import role_of
from kpilayer.adopting import Adopted
from kpilayer.alerting import alerting
from kpilayer.arguments import Words
from kpilayer.arranging import KpiTree
from kpilayer.asking import Asked
from kpilayer.catalog import Catalog
from kpilayer.change.codeowners import codeowners
from kpilayer.change.diff import diff
from kpilayer.change.evidence import USUAL, Effort
from kpilayer.change.history import Event
from kpilayer.change.impact import Impact, impact
from kpilayer.change.policy import Rules, judge
from kpilayer.change.review import Review
from kpilayer.change.rules import Level
from kpilayer.change.values import ValuesAsked
from kpilayer.check import RULES, Context
from kpilayer.debugging import Check
from kpilayer.drift.layer import Layer
from kpilayer.drifting import Drift
from kpilayer.errors import DefinitionError, Issue, Severity, sorted_issues
from kpilayer.explaining import DriverReport
from kpilayer.exporting import Exported
from kpilayer.governing import Grades, Lint
from kpilayer.identity import Identity
from kpilayer.interop.metric_view import MetricViews, metric_views
from kpilayer.interop.metricflow import find_python
from kpilayer.interop.superset.dataset import Pushed, Server
from kpilayer.interop.superset.push import push
from kpilayer.interop.superset.views import dataset
from kpilayer.interop.verify import Verdict
from kpilayer.join_graph import JoinGraph
from kpilayer.kpi.attribution import Method
from kpilayer.kpi.history.recording import Recording
from kpilayer.kpi.history.store import Store
from kpilayer.kpi.identities import misses
from kpilayer.kpi.lint.evidence import Evidence, evidence_of, with_misses
from kpilayer.kpi.observing import Asking
from kpilayer.kpi.promotion import Contract
from kpilayer.kpi.report import FailOn, Health
from kpilayer.kpi.watermark import is_ahead
from kpilayer.library.mapping import Ask
from kpilayer.load.approvals import reviewers
from kpilayer.load.files import shown_from
from kpilayer.load.layout import read_layout
from kpilayer.load.snapshot import SNAPSHOT, snapshot
from kpilayer.locking import LockReport
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Kind
from kpilayer.model.kpi import Cadence, Direction, Kpi
from kpilayer.model.lock import Lock
from kpilayer.modelling import WrittenModels
from kpilayer.pacing import Paces
from kpilayer.promoting import Usual
from kpilayer.publish.apply import OnStep
from kpilayer.publish.catalogue import newest_of
from kpilayer.publish.plan import Allowed, Plan
from kpilayer.publish.states import Published
from kpilayer.publishing import Publisher, place, refuse_unproven
from kpilayer.remembering import remembered
from kpilayer.reviewing import Diff, measured, sides
from kpilayer.running import Warehouse
from kpilayer.selection.choose import Selection, choose
from kpilayer.selection.dependencies import Dependencies
from kpilayer.selection.git import prefix
from kpilayer.selection.issues import concerning
from kpilayer.selection.state import Changes, state_of
from kpilayer.selection.versions import Side, Version
from kpilayer.sql.compiled import Compiled, compile_query
from kpilayer.verify.outcome import Kind as TestKind
from kpilayer.verify.outcome import Outcome
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.result import Result
from kpilayer.warehouse.run import OnProgress
from kpilayer.warehouse.stream import Stream


@dataclass(frozen=True)
class Project:
    """A loaded project: definitions, what is wrong with them, and the target that they run on."""

    root: Path
    config: ProjectConfig
    target: Target
    catalog: Catalog
    lock_file: Lock | None
    dialect: str
    load_issues: tuple[Issue, ...]
    connection: object | None = None
    profile_folder: Path | None = None
    """Where paths of the profile start; the project's folder by default."""
    dbt_target: Path = Path("target")
    """The folder into which dbt writes what it makes."""
    given_vars: Mapping[str, Any] = field(default_factory=dict)
    """Values for `var()` that no file holds."""

    # -------------------------------------------------------------------------------------- loading

    @classmethod
    def load(
        cls,
        path: str | Path = ".",
        *,
        target: str | None = None,
        profile: str | None = None,
        profiles_dir: str | Path | None = None,
        vars: Mapping[str, Any] | None = None,
        dialect: str | None = None,
        connection: object | None = None,
    ) -> Project:
        """Reads, renders and resolves the project in ``path`` or a folder above it.

        ``vars`` override those of kpilayer.yml. ``dialect`` is that of compiled SQL, the target's
        by default. ``connection`` is an open DuckDB or psycopg connection to run on; it stays open.

        Raises:
            ConfigError: the project file, profile or dialect cannot be used. Problems of the
                definitions do not raise here: ``check`` reports them all.
        """
        given = vars or {}
        layout = read_layout(Path(path), os.environ)
        read = loading.read(
            layout, given, (profile, target, profiles_dir), connection, dialect, os.environ
        )
        return cls(
            layout.root,
            layout.config,
            read.target,
            read.catalog,
            read.lock,
            read.dialect,
            read.issues,
            connection,
            profile_folder=layout.profile_folder,
            dbt_target=layout.dbt_target,
            given_vars=given,
        )

    @property
    def name(self) -> str:
        """The project's name."""
        return self.config.name

    # ---------------------------------------------------------------------------------- definitions

    @cached_property
    def _issues(self) -> tuple[Issue, ...]:
        context = Context(self._graph, self.lock_file)
        found = [issue for rule in RULES for issue in rule(context)]
        return tuple(sorted_issues([*self.load_issues, *found]))

    @cached_property
    def _graph(self) -> JoinGraph:
        return JoinGraph(self.catalog)

    @cached_property
    def _layer(self) -> Layer:
        return Layer(Side(self.name, self._identity))

    @cached_property
    def _identity(self) -> Identity:
        errors = [issue for issue in self._issues if issue.severity == "error"]
        if errors:
            raise DefinitionError(errors)
        return Identity(self._graph)

    def check(self, selection: Selection | None = None) -> tuple[Issue, ...]:
        """Everything that is wrong or doubtful with the definitions, in reading order.

        With a ``selection``: with what it holds and what that reads, and with files as a whole.
        """
        if selection is None:
            return self._issues
        return concerning(self._issues, selection.reads, self.catalog.definitions)

    def check_live(
        self, selection: Selection | None = None, *, show_values: bool = False
    ) -> tuple[Issue, ...]:
        """Where the target's data are not what definitions say, in reading order.

        Keys that are not unique, joins that find no row, versions that overlap, partitions and
        time spines, and columns that differ from kpilayer.lock; of a ``selection``, those of its
        models and of what they join. Messages hold counts, and values of the data only with
        ``show_values``.

        Raises:
            DefinitionError: the project's definitions have errors.
            WarehouseError: the warehouse cannot be reached.
        """
        graph = self._identity.graph
        reads = None if selection is None else selection.reads
        models = [m for m in graph.catalog.models if reads is None or ("model", m) in reads]
        return checking.look_at_data(
            graph, models, self.lock_file, self._warehouse, show_values=show_values
        )

    def select(
        self,
        select: Words = None,
        exclude: Words = None,
        *,
        state: str | Path | None = None,
        kinds: Sequence[Kind] = ("metric",),
    ) -> Selection:
        """The metrics, models or both that a selection holds; without one, all of them.

        The grammar is dbt's: `tag:board +revenue`. ``state`` is what `state:modified` compares
        with: a folder with a project or a manifest, or `git:REF`.

        Raises:
            QueryError: the selection cannot be read, or names what is not there.
            ConfigError: the state cannot be read.
            DefinitionError: the definitions of the state have errors.
        """
        said = arguments.read({"select": select, "exclude": exclude})
        asked = None if select is None else said["select"]
        changes = None if state is None else self._changes_since(str(state))
        return choose(self._dependencies, asked, said["exclude"], kinds, changes)

    @cached_property
    def _dependencies(self) -> Dependencies:
        return Dependencies(self._graph)

    def _changes_since(self, state: str) -> Changes:
        whole = all(issue.severity != "error" for issue in self._issues)
        now = state_of(self.catalog, self._identity if whole else None, self.name)
        return Changes(now, self._version.before(state))

    @property
    def _version(self) -> Version:
        return Version(self.root, self.config, loading.told(self.target), self.given_vars)

    @cached_property
    def metrics(self) -> tuple[describe.MetricInfo, ...]:
        """Every metric, in order of name."""
        return describe.metrics(self._identity)

    @cached_property
    def models(self) -> tuple[describe.ModelInfo, ...]:
        """Every semantic model, in order of name."""
        return describe.models(self._identity)

    def dimensions(self, metrics: Sequence[str] = ()) -> tuple[describe.DimensionInfo, ...]:
        """What all of ``metrics`` can be grouped by; every dimension where none is named."""
        return describe.dimensions(self._identity, metrics)

    def entities(self, metrics: Sequence[str] = ()) -> tuple[describe.EntityInfo, ...]:
        """The entities of the metrics' models; of every model where none is named."""
        return describe.entities(self._identity, metrics)

    @property
    def saved_queries(self) -> tuple[describe.SavedQueryInfo, ...]:
        """Every saved query, in order of name."""
        return describe.saved_queries(self._identity.catalog.definitions)

    @property
    def exposures(self) -> tuple[describe.ExposureInfo, ...]:
        """Every dashboard, notebook or application that shows metrics, in order of name."""
        return describe.exposures(self._identity.catalog.definitions)

    @property
    def kpis(self) -> tuple[describe.KpiInfo, ...]:
        """Every contract on a metric, in order of name."""
        return describe.kpis(self._identity.catalog.definitions)

    def describe(self, name: str) -> dict[str, Any]:
        """Everything known about a metric, model or dimension, as plain values.

        Raises:
            QueryError: nothing has this name.
        """
        return describe.describe(self._identity, name.lower())

    # -------------------------------------------------------------------------------------- queries

    def prepare(
        self,
        metrics: Words = None,
        group_by: Words = None,
        where: Words = None,
        *,
        timezone: str | None = None,
        dialect: str | None = None,
        unverified: bool = False,
        role: Mapping[str, object] | None = None,
        **rest: Unpack[Asked],
    ) -> Compiled:
        """The SQL of a question with its columns, fingerprints, notices and plan.

        ``where`` is SQL over group-by names, as `{{ Dimension('account__segment') }} = 'smb'`;
        values in it are literals, never SQL. The rest, all of it optional:

        - ``saved_query``: a saved query by name, in place of metrics and group-bys.
        - ``start``, ``end``: inclusive dates or times (or ISO texts), widened to whole periods of
          the smallest queried grain unless ``exact``.
        - ``compare``: `prior_period`, `prior_year`, a length such as `7 days`, or a list of them;
          ``compare_rows="all"`` adds rows that only the earlier time has.
        - ``having``: SQL over the columns of the answer or `{{ Metric('x') }}`.
        - ``totals``: a list of levels, each a list of the group-bys that it keeps.
        - ``top``: `{"n": 3, "by": "-revenue", "of": "customer__name", "other": "other"}`.
        - ``fill``: 0 gives every period for the groups seen.
        - ``components``: adds the columns that metrics are rolled up from, behind each.
        - ``order_by``, ``limit``: output columns, with `-` for descending; a number of rows.
        - ``timezone``: shows instants in another zone than the project's, in filters alike.
        - ``role``: attributes of who asks, for row access: values, or lists of them.
        - ``min_max``, ``distinct``: without metrics, the ends of one group-by; all rows.

        Raises:
            DefinitionError: the project's definitions have errors.
            QueryError: everything that is wrong with the question.
        """
        said = arguments.read({"metrics": metrics, "group_by": group_by, "where": where, **rest})
        place = arguments.read({"timezone": timezone, "dialect": dialect, "role": role})
        identity = asking.shown_in(self._identity, place["timezone"])
        spoken, asks = place["dialect"] or self.dialect, role_of(place["role"])
        query = asking.question(self.catalog.definitions, **said)
        schema = self._warehouse.schema
        compiled = compile_query(query, identity, spoken, schema, unverified=unverified, role=asks)
        # Where rows are read from is told with the answer, not by `check` alone.
        places = (i for i in self._issues if i.code == "bad-manifest")
        return replace(compiled, notices=(*places, *compiled.notices))

    def compile(
        self, metrics: Words = None, group_by: Words = None, where: Words = None, **rest: Any
    ) -> str:
        """The SQL of a question; takes and raises what ``prepare`` does."""
        return self.prepare(metrics, group_by, where, **rest).sql

    def query(
        self,
        metrics: Words = None,
        group_by: Words = None,
        where: Words = None,
        *,
        on_progress: OnProgress | None = None,
        **rest: Any,
    ) -> Result:
        """The answer to a question, from the target's warehouse; takes what ``prepare`` does.

        Paths of files are those of the project, whatever the current folder is.

        Raises:
            DefinitionError, QueryError: as ``prepare``; also for a ``dialect`` that is not the
                target's, which would mean something else there.
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        spoken = asking.dialect_to_run(rest.get("dialect"), self.target)
        compiled = self.prepare(metrics, group_by, where, **{**rest, "dialect": spoken})
        return self._warehouse.answer(compiled, on_progress)

    def stream(
        self,
        metrics: Words = None,
        group_by: Words = None,
        where: Words = None,
        *,
        batch_rows: int = 50_000,
        **rest: Any,
    ) -> Stream:
        """The answer to a question in record batches, for answers that do not fit into memory.

        It takes what ``query`` takes. DuckDB and PostgreSQL give rows while they are read; the
        answer of another engine is taken whole first. ``batch_rows`` is the most rows of a batch.

        Raises:
            DefinitionError, QueryError, WarehouseError: as ``query``.
        """
        spoken = asking.dialect_to_run(rest.get("dialect"), self.target)
        compiled = self.prepare(metrics, group_by, where, **{**rest, "dialect": spoken})
        return self._warehouse.stream(compiled, max(1, batch_rows))

    def export(
        self, saved_query: str, exports: Words = None, *, dry_run: bool = False
    ) -> tuple[Exported, ...]:
        """Makes the tables and views that a saved query declares, of ``exports`` or of all.

        They replace those that are there. With ``dry_run``, only the statements are given.

        Raises:
            QueryError: there is no such saved query or export; what is wrong with the question; or
                a table would be replaced that definitions read.
            WarehouseError: the warehouse cannot be reached, or refuses a statement.
        """
        catalog = self._identity.catalog
        said = arguments.read({"saved_query": saved_query, "exports": exports})
        saved = asking.saved(catalog.definitions, said["saved_query"])
        wanted = exporting.chosen(saved, said["exports"])
        compiled = self.prepare(saved_query=saved_query, dialect=self.target.dialect)
        return exporting.export(wanted, compiled, catalog, self._warehouse, dry_run=dry_run)

    def export_spark(
        self,
        select: Words = None,
        exclude: Words = None,
        *,
        state: str | Path | None = None,
        joins: int = 2,
    ) -> MetricViews:
        """The selected metrics as metric views of Spark 4.2 and later, one per semantic model.

        Nothing is run: each has ``statements``, and a ``text``, which is a script of them.
        ``left_out`` has the metrics that are more than an aggregate over rows of one model, with
        the reasons. Dimensions are at most ``joins`` joins away. Hidden metrics have to be named.

        Raises:
            DefinitionError: the project's definitions have errors.
            QueryError: the selection cannot be read, or none of the metrics can be a measure.
        """
        given = arguments.read({"joins": joins})
        names = exporting.measures(self.catalog, self.select(select, exclude, state=state), select)
        schema, root = self._warehouse.schema, self.root.as_posix()
        return metric_views(self._identity, names, schema, root, given["joins"])

    def verify_with_metricflow(
        self, python: str | Path | None = None, on_verdict: Callable[[Verdict], None] | None = None
    ) -> tuple[Verdict, ...]:
        """Every metric asked of MetricFlow too, and the answers compared, on the target's data.

        ``python`` is the one in which MetricFlow is installed, this one by default. It reads
        target/semantic_manifest.json, and its SQL runs on this project's connection.

        Raises:
            ConfigError: ``no-metricflow``; ``no-manifest`` where dbt has not parsed the project.
            DefinitionError: the project's definitions have errors.
            WarehouseError: the warehouse cannot be reached.
        """
        found = find_python(None if python is None else Path(python))
        manifest = comparing.manifest_for_metricflow(self.root, self.dbt_target)
        asked = comparing.questions_about(self.metrics, self.dimensions)
        return comparing.compare(asked, self.prepare, self._warehouse, found, manifest, on_verdict)

    # ---------------------------------------------------------------------------------------- tests

    def test(
        self,
        select: Words = None,
        exclude: Words = None,
        *,
        state: str | Path | None = None,
        kinds: Sequence[TestKind] = ("metric_test", "contract"),
    ) -> tuple[Outcome, ...]:
        """Runs the metric tests and contracts of the selected metrics, of all by default.

        Metric tests run on a DuckDB in memory and need no connection; contracts are checked on
        the target's data.

        Raises:
            DefinitionError: the project's definitions have errors.
            QueryError: the selection cannot be read.
            WarehouseError: there are contracts to check, and the target cannot be reached.
        """
        identity = self._identity
        chosen = self.select(select, exclude, state=state).metrics
        names = [name for name in chosen if name in identity.catalog.metrics]
        return checking.tested(identity, names, self.lock_file, self._warehouse, kinds)

    # --------------------------------------------------------------------------------------- review

    def diff(
        self,
        base: str | None = None,
        head: str | None = None,
        *,
        effort: Effort = USUAL,
        fail_on: Level | None = None,
        reviews: str | Path | None = None,
        today: date | None = None,
        values: ValuesAsked | None = None,
        on_step: OnStep | None = None,
    ) -> Diff:
        """Everything that differs between two versions of the definitions, and what it does.

        ``base`` and ``head`` are git references, `REF...` (where it was left) or folders; by
        default where this line of work left the main branch, and the files as they are now.
        ``effort`` says how hard to prove and refute. What may merge is judged as of ``today``,
        with ``reviews``, the code host's list of them (a JSON file); ``fail_on`` is the class
        from which on a change must be approved. With ``values``, both definitions are asked of the
        target's data. ``on_step`` hears name, number and count.

        Raises:
            ConfigError: one of them is not there.
            DefinitionError: one of them has errors.
            QueryError: values cannot be asked for so.
            WarehouseError: values are asked for, and the target cannot be reached.
        """
        began = time.perf_counter()
        for name in effort.dialects:
            loading.dialect_of(name, self.target)
        older, newer, ruling = sides(self._version, base, head, lambda: self._identity)
        changes = diff(older, newer, effort, on_step)
        people = reviewers(Path(reviews), newer.commit) if reviews is not None else frozenset()
        rules = Rules(today or date.today(), ruling, people, fail_on, self._outside)
        seconds = time.perf_counter() - began
        judged = judge(changes, rules)
        found = measured(changes, values, self._warehouse, on_step) if values is not None else None
        return Diff(Review(changes, judged, self.name, prefix(self.root), seconds, found))

    def _outside(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """How KPIs stood lately that were not healthy, as the history has it."""
        return judging.outside(self._history, names)

    def impact(self, name: str) -> Impact:
        """Whom a metric, a model or a dimension (`orders.status`) reaches, and whom to ask.

        Raises:
            DefinitionError: the project's definitions have errors.
            QueryError: there is no definition of this name.
        """
        return impact(Side(self.name, self._identity), name.lower())

    def codeowners(self) -> str:
        """The lines of CODEOWNERS that send files of definitions to the teams that own them.

        Raises:
            DefinitionError: the project's definitions have errors.
        """
        return codeowners(self._identity.catalog, prefix(self.root))

    def history(
        self,
        metric: str | None = None,
        *,
        since: str | None = None,
        until: str = "HEAD",
        effort: Effort = USUAL,
    ) -> tuple[Event, ...]:
        """Each commit at which a metric got another meaning or name, newest first.

        Without ``metric``: what each commit did to every definition, oldest first. Commits are
        those of the main line (first parents) after ``since`` that touch the project's folder.

        Raises:
            ConfigError: there is no git, no repository or no such reference.
            QueryError: no metric has this name now.
        """
        names = sorted(self.catalog.metrics)
        return tuple(
            remembered(self._version, metric, names, since=since, until=until, effort=effort)
        )

    def drift(
        self,
        paths: Sequence[str] | str = (),
        *,
        dialect: str | None = None,
        views: str | None = None,
        layer: bool = False,
        baseline: str | None = None,
        trials: int = 60,
        seed: int = 0,
        prove: bool = True,
        today: date | None = None,
        on_step: OnStep | None = None,
    ) -> Drift:
        """SQL elsewhere that computes a metric, well or not, and what is different.

        ``paths`` are files, folders and globs, `dialect:path` where one has a dialect of its own;
        ``views`` a schema of the warehouse. Without any, or with ``layer``, metrics that are one
        number under two names. What stands in ``baseline`` does not fail.

        Raises:
            ConfigError: a path leads nowhere, or the baseline is none.
            WarehouseError: ``views`` are asked for, and the warehouse cannot be reached.
        """
        words = (paths,) if isinstance(paths, str) else tuple(paths)
        asked = drifting.Asked(
            words, dialect or self.dialect, views, layer, baseline, trials, seed, prove, today
        )
        return drifting.drift(self._version, self._layer, self._warehouse, asked, on_step)

    def lint(
        self,
        rules: Sequence[str] = (),
        *,
        today: date | None = None,
        fail_on: Severity = "error",
        evidence: Evidence | None = None,
        data: bool = False,
    ) -> Lint:
        """Advice on the KPIs: owners, ranges, consequences, guardrails, hierarchy.

        ``rules`` are codes of rules, all by default; dates are judged as of ``today``. Some rules
        look at what KPIs did: at ``evidence``, or at what ``health`` recorded; with ``data``, the
        warehouse is asked whether driver trees add up. It fails where
        something is as severe as ``fail_on`` and nobody ignores it.

        Raises:
            QueryError: there is no rule of a code.
            WarehouseError: ``data`` is asked for, and the warehouse cannot be reached.
        """

        def known(kpis: Iterable[Kpi]) -> Evidence:
            return self._past(kpis, today, data) if evidence is None else evidence

        return governing.lint(self._identity, today or date.today(), rules, fail_on, known)

    def adopt(
        self,
        names: Sequence[str],
        places: Mapping[str, str] | None = None,
        *,
        ask: Ask | None = None,
        write: bool = True,
    ) -> Adopted:
        """Drafts of KPIs of the library, as new files of the project; looked at without ``write``.

        ``places`` say by `fact` and `fact.column` which models and columns stand for the facts of
        the library; ``ask`` is asked for those that have no place.

        Raises:
            PolicyError: one of them is vanity, a duplicate, or too many for its function.
            QueryError: the library has no such name.
            ConfigError: a fact has no place in the project, or a file is there already.
            DefinitionError: the project has errors, or would have them with the drafts.
        """
        said, asked = places or {}, ask or adopting.nobody
        catalog = self._identity.catalog
        found = adopting.adopt(names, said, catalog, self._home, self._warehouse, asked)
        if write:
            adopting.write(self.root, found.files)
        return found

    def pick(
        self, function: str, many: int, places: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """The first KPIs of a function in the library that the project has not.

        Raises:
            PolicyError: the function has fewer to give, or would have more than five.
            DefinitionError: the project's definitions have errors.
        """
        catalog = self._identity.catalog
        return adopting.picked(function, many, catalog, places or {}, self._warehouse)

    def draft_of(self, name: str) -> Kpi | None:
        """The draft of a KPI that waits for answers under this name; None where there is none yet.

        Raises:
            QueryError: there is a KPI of this name that is more than a draft.
            DefinitionError: the project's definitions have errors.
        """
        return promoting.draft_of(self._identity, name)

    def usual(
        self, metric: str, cadence: Cadence, direction: Direction, *, as_of: date | None = None
    ) -> Usual:
        """Where a metric was in its last 24 closed periods, and the range that they suggest.

        Raises:
            QueryError: there is no such metric, or it cannot be asked by these periods.
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        day = as_of or date.today() - timedelta(days=1)
        known = promoting.metric_for(self._identity, metric)
        return promoting.usual(self._identity, known, cadence, direction, self._asking(day))

    def promote(self, contract: Contract, *, write: bool = True) -> tuple[str, str]:
        """Makes a KPI of a metric, and gives the path and the text of its file.

        Raises:
            QueryError: there is no such metric, or there is a KPI of this name.
            ConfigError: the file is there already, or a draft cannot be filled in.
            DefinitionError: the project has errors, or would have them with it.
        """
        promoting.metric_for(self._identity, contract.metric)
        return promoting.promote(contract, self._identity, self._home, keep=write)

    @property
    def _home(self) -> adopting.Home:
        return adopting.Home(self.root, self.config, loading.told(self.target), self.given_vars)

    def grades(self, *, today: date | None = None, data: bool = False) -> Grades:
        """KPIs by the letters of SMART, and the level of each contract: bronze, silver, gold.

        What the rules of ``lint`` say, read by letter; dates are judged as of ``today``. With
        ``data``, the warehouse is asked whether driver trees add up.

        Raises:
            WarehouseError: ``data`` is asked for, and the warehouse cannot be reached.
        """

        def known(kpis: Iterable[Kpi]) -> Evidence:
            return self._past(kpis, today, data)

        return governing.grades(self._identity, today or date.today(), known)

    def _past(self, kpis: Iterable[Kpi], today: date | None, data: bool) -> Evidence:
        """What KPIs did, from the history and, with ``data``, the warehouse."""
        live = list(kpis)
        found = evidence_of(live, self._identity, self._history.read()) if live else {}
        if not data:
            return found
        asking = self._asking(today or date.today() - timedelta(days=1))
        return with_misses(found, misses(live, self._identity, asking))

    def health(
        self,
        names: Sequence[str] = (),
        *,
        as_of: date | None = None,
        record: bool = False,
        backfill: bool | date = False,
        rejudge: bool = False,
        alert: bool = False,
        mute: Sequence[str] = (),
        fail_on: FailOn = "breach",
        fail_on_missing: bool = False,
    ) -> Health:
        """How KPIs stand now, or at the end of a day: all that are live, or those of ``names``.

        What the history has of a period stands. With ``record``, verdicts are appended to it: those
        of periods that came since the first recorded one; with ``backfill``, of all periods, or of
        those from a day on. ``rejudge`` gives verdicts anew by today's ranges. ``alert``, which
        records, too, tells changes to the channels of the project, but of no KPI in ``mute``.

        It fails where one is as bad as ``fail_on``; without data, with ``fail_on_missing``.

        Raises:
            QueryError: there is no KPI of a name.
            ConfigError: a channel has no address in the environment.
            PolicyError: another run writes the history, or it is another project's.
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        run = judging.run_at(as_of, self.config.timezone)
        since = backfill if isinstance(backfill, date) else None
        heard = [name for channel in self.config.alerts for name in channel.kpis]
        judging.refuse_unknown(self._identity, (*mute, *(heard if alert else ())))
        alerts = alerting(self.config.alerts, os.environ, mute) if alert else None
        writes = record or backfill or rejudge or alert
        recording = Recording(bool(backfill), since, rejudge) if writes else None
        return judging.health(
            self._identity, names, self._asking(as_of or run.now.date(), since), run,
            self._history, recording, alerts,
            fail_on=fail_on, fail_on_missing=fail_on_missing,
        )  # fmt: skip

    def _asking(self, today: date, since: date | None = None) -> Asking:
        """How KPIs are asked for in the warehouse."""
        return Asking(self._graph.catalog, today, self._ask, self._newest, since)

    @property
    def _history(self) -> Store:
        """Where verdicts on KPIs are kept."""
        return judging.store(self.name, self.root, self.config.history, self._warehouse)

    def drivers(
        self,
        kpi: str,
        period: str | date | None = None,
        against: str | date = "previous",
        method: Method = "shapley",
        *,
        by: Words = None,
        find: bool = False,
        as_of: date | None = None,
    ) -> DriverReport:
        """What moved a KPI between two periods: its driver tree with numbers, taken apart.

        ``period`` is one of the KPI's cadence (`2026-05`, `2026-W21`, `2026-Q2`, a day in it), by
        default the last that has ended by ``as_of``; ``against`` is `previous`, `year_ago` or a
        period. ``by`` are dimensions to tell segments by, the `mix_by` of the KPI by default; of a
        sum, several of them, or with ``find`` all of its dimensions, are searched for the
        segments that moved more than others.

        Raises:
            QueryError: there is no KPI of the name, no such period, method or dimension; its tree
                cannot be read; a metric in it cannot be asked by the KPI's cadence.
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        judging.run_at(as_of, None)  # refuses days that no calendar reaches
        asked = explaining.Asked(
            as_of or date.today() - timedelta(days=1), period, against, method,
            tuple(arguments.read({"group_by": by})["group_by"]), find,
        )  # fmt: skip
        return explaining.explained(self._identity, kpi, asked, self._ask, self._newest)

    def tree(
        self, kpi: str | None = None, *, data: bool = True, as_of: date | None = None
    ) -> KpiTree:
        """The hierarchy of KPIs from north stars down, or that of one with its metrics.

        With ``data``, how each that is live stands at the end of a day; a warehouse that cannot be
        reached is noted.

        Raises:
            QueryError: there is no KPI of the name.
        """
        judge = (lambda: self.health(as_of=as_of)) if data else None
        return arranging.arranged(self._identity, kpi, judge)

    def pace(
        self,
        names: Sequence[str] = (),
        *,
        as_of: date | None = None,
        targets: bool = False,
        ended: bool = False,
    ) -> Paces:
        """How objectives come along at the end of a day: that have not ended, or of ``names``.

        With ``targets``, those of live KPIs in their place; ``names`` are KPIs then. With
        ``ended``, objectives that have ended, too. None of it is part of any health.

        Raises:
            QueryError: there is no objective, or KPI, of a name.
            WarehouseError: the warehouse cannot be reached, or refuses the SQL.
        """
        judging.run_at(as_of, None)  # refuses days that no calendar reaches
        day = as_of or date.today() - timedelta(days=1)
        if targets:
            return pacing.targets(self._identity, names, day, self._ask, self._newest)
        return pacing.objectives(self._identity, names, day, self._ask, self._newest, ended=ended)

    def _ask(
        self,
        metrics: Sequence[str],
        by: Sequence[str],
        where: Sequence[str],
        start: date,
        end: date,
    ) -> Sequence[Mapping[str, Any]]:
        """The rows of an answer by column, as what judges KPIs asks for them."""
        asked = self.query(list(metrics), list(by), list(where), start=start, end=end)
        return [dict(zip(asked.columns, row, strict=True)) for row in asked.rows()]

    def _newest(self, source: str) -> Any:
        """The newest value of a time, `model.dimension`; None where nobody is told.

        Rows that are dated ahead of today say nothing of how far the data reach.
        """
        found = self._newest_before(source, None)
        if not is_ahead(found, date.today()):
            return found
        return self._newest_before(source, date.today() + timedelta(days=1))

    def _newest_before(self, source: str, day: date | None) -> Any:
        dialect, schema = self.target.dialect, self._warehouse.schema
        compiled = newest_of(self._identity, source, dialect, schema, before=day)
        if compiled is None:
            return None
        rows = self._warehouse.answer(compiled).rows()
        return rows[0][0] if rows else None

    # ------------------------------------------------------------------------------------ artefacts

    def compile_all(
        self, dialects: Sequence[str] | None = None, *, unverified: bool = False
    ) -> tuple[artefacts.CompiledFile, ...]:
        """The files of target/kpilayer/: every metric's SQL by dialect, and manifest.json.

        Beside them stands project.json, the definitions, for ``diff`` to compare with.
        """
        spoken, schema = tuple(dialects or (self.dialect,)), self._warehouse.schema
        made = artefacts.compile_all(
            self._identity, self.name, spoken, schema, unverified=unverified
        )
        text = snapshot(read_layout(self.root, os.environ))
        return (artefacts.CompiledFile(SNAPSHOT, text), *made)

    def write_compiled(
        self,
        dialects: Sequence[str] | None = None,
        *,
        unverified: bool = False,
        files: Sequence[artefacts.CompiledFile] | None = None,
    ) -> Path:
        """Writes the files of ``compile_all``, or ``files``, all or none; gives the manifest."""
        made = self.compile_all(dialects, unverified=unverified) if files is None else files
        return artefacts.write(self.root, made)

    def lock(self, check: bool = False) -> LockReport:
        """Describes every relation in the warehouse, and writes kpilayer.lock unless ``check``.

        Raises:
            WarehouseError: a relation is not there, or the warehouse cannot be reached.
        """
        new = locking.lock_of_warehouse(self._graph.catalog, self._warehouse)
        return locking.keep(self.root, self.lock_file, new, check)

    def lock_from_dbt(self, path: str | Path | None = None, check: bool = False) -> LockReport:
        """Like ``lock``, from dbt's catalog.json (target/catalog.json), without a connection.

        Raises:
            ConfigError: the file is not there, or describes none of the project's tables.
        """
        file = self.dbt_target / "catalog.json" if path is None else Path(path)
        shown = str(path or shown_from(self.root, file))
        place = self._warehouse.schema, self.config.dialect
        new, missing = locking.lock_of_dbt(self._graph.catalog, file, shown, *place)
        return locking.keep(self.root, self.lock_file, new, check, missing)

    def debug(self) -> list[Check]:
        """What a connection needs, step by step, until the first that fails."""
        return list(debugging.steps(self.name, self._graph.catalog, self._warehouse))

    # -------------------------------------------------------------------------------------- publish

    def plan(
        self,
        *,
        schema: str | None = None,
        overwrite: Words = None,
        cascade: bool = False,
        on_step: OnStep | None = None,
    ) -> Plan:
        """What ``publish`` would do: an action for each view, with its statements.

        ``schema`` is where views go: by default what kpilayer.yml says for the target, else
        `<schema of the target>_kpi`. ``overwrite`` names views that may be overwritten although
        they were changed by hand, or made by somebody else. With ``cascade``, what stands on a view
        that is made anew or dropped goes with it. ``on_step`` hears name, number and count.

        Raises:
            DefinitionError: the project's definitions have errors.
            QueryError: what is wrong with views.
            WarehouseError: the warehouse cannot be reached, or refuses a query.
        """
        allowed = Allowed(_names(overwrite), cascade)
        return self._publisher(schema, allowed, on_step).plan()

    def publish(
        self,
        plan: Mapping[str, object] | None = None,
        *,
        schema: str | None = None,
        overwrite: Words = None,
        cascade: bool = False,
        full_refresh: bool = False,
        on_step: OnStep | None = None,
    ) -> Plan:
        """Puts the views of the project into the target's database; takes what ``plan`` does.

        All of them or, on PostgreSQL, DuckDB and SQLite, none. ``plan`` is a saved one
        (``Plan.as_json``), which is done exactly or refused. With ``full_refresh``, all rows
        that are kept in tables are computed again.

        Raises:
            PolicyError: it would undo what others did or stand on; somebody else publishes now; or
                the saved plan is not what would be done any more.
            DefinitionError, QueryError, WarehouseError: as ``plan``.
        """
        allowed = Allowed(_names(overwrite), cascade, full_refresh)
        return self._publisher(schema, allowed, on_step).publish(plan)

    def views(self, *, schema: str | None = None) -> tuple[Published, ...]:
        """Every view that is defined or published, with its state: edited by hand, stale, ...

        Raises:
            DefinitionError, QueryError, WarehouseError: as ``plan``.
        """
        return self._publisher(schema, Allowed(), None).states()

    def export_dbt(
        self,
        output: str | Path | None = None,
        *,
        dialect: str | None = None,
        unverified: bool = False,
        on_step: OnStep | None = None,
    ) -> WrittenModels:
        """Writes the views as models of dbt, with their properties and tests, for dbt to make.

        ``output`` is the folder, `target/kpilayer_dbt` by default; ``dialect`` that of dbt's
        adapter, the target's by default. It needs no connection: what cannot be made without the
        types of columns, and kpilayer.lock does not tell them, is left out with a warning.
        ``on_step`` hears name, number and count.

        Raises:
            ConfigError: there is no such dialect; the folder is one of definitions, or a file of
                others is in the way.
            DefinitionError: the project's definitions have errors.
            QueryError: what is wrong with views.
        """
        said = arguments.read({"dialect": dialect})["dialect"]
        spoken = loading.dialect_of(said or self.dialect, self.target)
        if spoken != self.catalog.dialect and not unverified:
            refuse_unproven(self._issues)
        folder = modelling.place(self.root, self.config, self.dbt_target, output)
        identity, heard = self._identity, on_step or (lambda *_: None)
        return modelling.export(
            identity, self._warehouse, spoken, folder, heard, unverified=unverified
        )

    def push_to_superset(
        self,
        server: Server,
        views: Words = None,
        *,
        schema: str | None = None,
        dry_run: bool = False,
    ) -> tuple[Pushed, ...]:
        """Makes datasets with certified metrics of published views in Superset, or keeps them so.

        ``views`` names them; by default those that are declared. With ``dry_run``, nothing is
        written.

        Raises:
            QueryError: `unknown-view`; and as ``plan``.
            ConfigError, WarehouseError: Superset cannot be reached, or refuses; and as ``plan``.
        """
        named = arguments.read({"views": views})["views"]
        publisher = self._publisher(schema, Allowed(), None)
        where, catalog = publisher.where, self._identity.catalog
        shown = publisher.relations(named)
        dialect = where.engine.dialect
        datasets = [dataset(one, catalog, where.schema, dialect) for one in shown]
        return push(datasets, server, dry_run=dry_run)

    def _publisher(self, schema: str | None, allowed: Allowed, on_step: OnStep | None) -> Publisher:
        where = place(self._identity, self._warehouse, schema)
        if where.engine.dialect != self.catalog.dialect:
            refuse_unproven(self._issues)
        heard = on_step or (lambda *_: None)
        return Publisher(self._identity, self._warehouse, where, allowed, heard)

    # ------------------------------------------------------------------------------------ warehouse

    @property
    def _warehouse(self) -> Warehouse:
        return Warehouse(self.target, self.root, self.profile_folder or self.root, self.connection)


def _names(overwrite: Words) -> frozenset[str]:
    return frozenset(arguments.read({"overwrite": overwrite})["overwrite"])
