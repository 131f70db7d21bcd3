"""The one object that users hold: a thin facade over the stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpilayer import artefacts, describe
from kpilayer.calendar import zone_problem
from kpilayer.catalog import Catalog, resolve
from kpilayer.check import RULES, Context
from kpilayer.errors import (
    ConfigError,
    DefinitionError,
    Issue,
    Location,
    QueryError,
    WarehouseError,
    did_you_mean,
    sorted_issues,
)
from kpilayer.expr import DIALECTS, quote_of
from kpilayer.identity import Identity
from kpilayer.interop.compare import Answer
from kpilayer.interop.metricflow import MetricFlow, Refusal, find_python
from kpilayer.interop.question import Question
from kpilayer.interop.verify import Verdict, questions, verdicts
from kpilayer.join_graph import JoinGraph
from kpilayer.load.dbt.manifest import made_for, read_catalog
from kpilayer.load.files import inside, read_text, shown_from, write_inside
from kpilayer.load.layout import Layout, read_layout
from kpilayer.load.lock_file import LOCK_FILE, read_lock, write_lock
from kpilayer.load.project import load_definitions
from kpilayer.load.question import render_group_by, render_where
from kpilayer.load.template import TargetInfo
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Kind
from kpilayer.model.lock import Lock
from kpilayer.plan.build import subqueries
from kpilayer.plan.query import Condition, Query
from kpilayer.selection.choose import Selection, choose
from kpilayer.selection.dependencies import Dependencies
from kpilayer.selection.issues import concerning
from kpilayer.selection.state import Changes, State, state_of
from kpilayer.selection.versions import Version
from kpilayer.sql.compiled import Compiled, compile_query
from kpilayer.sql.keys import Place
from kpilayer.sql.select import read_all, to_sql
from kpilayer.verify import contracts, metric_tests
from kpilayer.verify.live import Live
from kpilayer.verify.live import check as check_data
from kpilayer.verify.outcome import Kind as TestKind
from kpilayer.verify.outcome import Outcome
from kpilayer.warehouse.connect import connect, wrap
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.lock import Described, lock_of_catalog, take_lock
from kpilayer.warehouse.profiles import NoProfiles, Target, find_target, unconnected
from kpilayer.warehouse.result import Result, Row
from kpilayer.warehouse.run import OnProgress, run_with_progress

if TYPE_CHECKING:
    pass

Words = str | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class LockReport:
    """What `lock` found: the new text, and which relations differ from the old one."""

    path: Path
    text: str
    changed: bool
    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One step of `debug`: its name, whether it worked, and what it found."""

    name: str
    ok: bool
    detail: str


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
        layout = read_layout(Path(path), os.environ)
        root, config = layout.root, layout.config
        variables = {**layout.variables, **(vars or {})}
        if connection is not None:
            chosen = _wrapped_target(connection)
        else:
            chosen = _target(layout, variables, profile, target, profiles_dir)
        spoken = (dialect or chosen.dialect).lower()
        if dialect is not None and spoken not in DIALECTS:
            hint = did_you_mean(spoken, DIALECTS)
            raise ConfigError(Issue("bad-value", f"`{spoken}` is not a dialect", None, hint))
        definitions, issues = load_definitions(layout, _told(chosen), variables, os.environ)
        lock, lock_issues = _read_lock(root)
        catalog, unresolved = resolve(definitions, lock)
        away = [replace(issue, severity="warning") for issue in chosen.missing]
        away += _places_of_another(layout, chosen)
        found = tuple(sorted_issues([*away, *issues, *unresolved, *lock_issues]))
        return cls(
            root,
            config,
            chosen,
            catalog,
            lock,
            spoken,
            found,
            connection,
            profile_folder=layout.profile_folder,
            dbt_target=layout.dbt_target,
            given_vars=vars or {},
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
        connection = self._connect()
        try:
            place = Place(graph.catalog, connection.dialect, self._schema, self.root.as_posix())
            described = self._described(connection.dialect)
            found = Live(
                graph, tuple(models), place, connection, described, self.lock_file, show_values
            )
            return tuple(sorted_issues(check_data(found)))
        finally:
            connection.close()

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
        chosen = None if select is None else _words(select)
        changes = None if state is None else Changes(self._now, self._version.before(str(state)))
        return choose(self._dependencies, chosen, _words(exclude), kinds, changes)

    @cached_property
    def _dependencies(self) -> Dependencies:
        return Dependencies(self._graph)

    @property
    def _version(self) -> Version:
        return Version(self.root, self.config, _told(self.target), self.given_vars)

    @property
    def _now(self) -> State:
        whole = all(issue.severity != "error" for issue in self._issues)
        return state_of(self.catalog, self._identity if whole else None, self.name)

    @cached_property
    def metrics(self) -> tuple[describe.MetricInfo, ...]:
        """Every metric, in order of name."""
        metrics = self._identity.catalog.metrics
        return tuple(describe.metric_info(self._identity, metrics[n]) for n in sorted(metrics))

    @cached_property
    def models(self) -> tuple[describe.ModelInfo, ...]:
        """Every semantic model, in order of name."""
        models = self._identity.catalog.models
        return tuple(describe.model_info(self._identity, models[n]) for n in sorted(models))

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

    def describe(self, name: str) -> dict[str, Any]:
        """Everything known about a metric, model or dimension, as plain values.

        Raises:
            QueryError: nothing has this name.
        """
        return describe.describe(self._identity, name.lower())

    # -------------------------------------------------------------------------------------- queries

    def prepare(
        self,
        metrics: Words,
        group_by: Words = None,
        where: Words = None,
        *,
        start: object = None,
        end: object = None,
        exact: bool = False,
        order_by: Words = None,
        limit: int | None = None,
        timezone: str | None = None,
        dialect: str | None = None,
        unverified: bool = False,
    ) -> Compiled:
        """The SQL of a question with its columns, fingerprints, notices and plan.

        ``start`` and ``end`` are inclusive dates or times (or ISO texts), widened to whole periods
        of the smallest queried grain unless ``exact``. ``where`` is SQL over group-by names, as
        `{{ Dimension('account__segment') }} = 'smb'`; values in it are literals, never SQL.
        ``timezone`` shows instants in another zone than the project's, in filters alike.

        Raises:
            DefinitionError: the project's definitions have errors.
            QueryError: everything that is wrong with the question.
        """
        identity = self._identity
        if timezone is not None:
            if (problem := zone_problem(timezone)) is not None:
                place = Location("timezone", 1, 1, max(1, len(timezone)), timezone)
                raise QueryError(Issue("bad-value", problem[0], place, problem[1]))
            identity = identity.shown_in(timezone)
        quote = quote_of(self.config.dialect)
        groups, bad_groups = render_group_by(_words(group_by), quote)
        conditions, bad_conditions = render_where(_words(where), quote)
        if bad_groups or bad_conditions:
            raise QueryError([*bad_groups, *bad_conditions])
        asked = zip(conditions, _words(where), strict=True)
        query = Query(
            _words(metrics),
            groups,
            tuple(Condition(sql, text) for sql, text in asked),
            None if start is None else str(start),
            None if end is None else str(end),
            exact,
            _words(order_by),
            limit,
        )
        spoken = dialect or self.dialect
        compiled = compile_query(query, identity, spoken, self._schema, unverified=unverified)
        # Where rows are read from is told with the answer, not by `check` alone.
        places = tuple(i for i in self._issues if i.code == "bad-manifest")
        return replace(compiled, notices=(*places, *compiled.notices))

    def compile(
        self, metrics: Words, group_by: Words = None, where: Words = None, **rest: Any
    ) -> str:
        """The SQL of a question; takes and raises what ``prepare`` does."""
        return self.prepare(metrics, group_by, where, **rest).sql

    def query(
        self,
        metrics: Words,
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
        spoken = self.target.dialect
        if str(rest.get("dialect") or spoken).lower() != spoken:
            message = f"the target speaks {spoken}: SQL for {rest['dialect']} cannot run on it"
            raise QueryError(Issue("bad-value", message, hint="print it with `compile`"))
        compiled = self.prepare(metrics, group_by, where, **{**rest, "dialect": spoken})
        connection = self._connect()
        try:
            sql = compiled.running_in(self.root.as_posix())
            table = run_with_progress(connection, sql, on_progress)
        finally:
            connection.close()
        return Result.from_table(
            table,
            sql=compiled.sql,
            fingerprints=compiled.fingerprints,
            notices=compiled.notices,
            overlapping=compiled.overlapping,
        )

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
        found = find_python(Path(python) if python is not None else None)
        manifest = self.dbt_target / "semantic_manifest.json"
        if not manifest.is_file():
            message = f"there is no `{shown_from(self.root, manifest)}`, which MetricFlow reads"
            raise ConfigError(Issue("no-manifest", message, hint="run `dbt parse`"))
        asked = [
            question
            for metric in self.metrics
            if not metric.hidden
            for question in questions(
                metric.name, [(d.name, d.type) for d in self.dimensions([metric.name])]
            )
        ]
        connection = self._connect()

        def run(sql: str) -> Answer | Refusal:
            try:
                result = Result.from_table(connection.run(sql), sql=sql)
                return Answer.of(result.columns, result.rows())
            except WarehouseError as error:
                return Refusal(error.issues[0].message)

        def ours(question: Question) -> Answer | Refusal:
            try:
                compiled = self.prepare(**question.asked(), dialect=self.target.dialect)
            except QueryError as error:
                return Refusal(error.issues[0].message)
            return run(compiled.running_in(self.root.as_posix()))

        try:
            with MetricFlow(found, manifest, self.target.dialect) as metricflow:
                given = []
                for verdict in verdicts(asked, ours, run, metricflow):
                    given.append(verdict)
                    if on_verdict is not None:
                        on_verdict(verdict)
        finally:
            connection.close()
        return tuple(given)

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
        found: list[Outcome] = []
        if "metric_test" in kinds:
            found += metric_tests.run(identity, names, self.lock_file, self._schema)
        if "contract" in kinds and any(identity.catalog.metrics[n].contracts for n in names):
            connection = self._connect()
            try:
                found += contracts.run(identity, names, lambda query: self._rows(query, connection))
            finally:
                connection.close()
        order = {name: i for i, name in enumerate(names)}
        return tuple(sorted(found, key=lambda outcome: order[outcome.metric]))

    def _rows(self, query: Query, connection: Connection) -> list[Row]:
        compiled = compile_query(query, self._identity, connection.dialect, self._schema)
        sql = compiled.running_in(self.root.as_posix())
        return Result.from_table(run_with_progress(connection, sql), sql=compiled.sql).rows()

    # ------------------------------------------------------------------------------------ artefacts

    def compile_all(
        self, dialects: Sequence[str] | None = None, *, unverified: bool = False
    ) -> tuple[artefacts.CompiledFile, ...]:
        """The files of target/kpilayer/: every metric's SQL by dialect, and manifest.json."""
        spoken = tuple(dialects or (self.dialect,))
        return artefacts.compile_all(
            self._identity, self.name, spoken, self._schema, unverified=unverified
        )

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
        connection = self._connect()
        try:
            new = take_lock(connection, self._described(connection.dialect))
        finally:
            connection.close()
        return self._lock_report(new, check)

    def lock_from_dbt(self, path: str | Path | None = None, check: bool = False) -> LockReport:
        """Like ``lock``, from dbt's catalog.json (target/catalog.json), without a connection.

        Raises:
            ConfigError: the file is not there, or describes none of the project's tables.
        """
        file = Path(path) if path is not None else self.dbt_target / "catalog.json"
        described, issues = read_catalog(file, str(path or shown_from(self.root, file)))
        if issues:
            raise ConfigError(issues)
        catalog = self._graph.catalog
        wanted = [catalog.relation(name) for name in catalog.models]
        new, missing = lock_of_catalog(described, wanted, self._schema, self.config.dialect)
        if not new.relations:
            message = "it describes none of the project's tables"
            hint = "run `dbt docs generate` on the target of the manifest"
            raise ConfigError(Issue("bad-manifest", message, Location(str(file)), hint))
        return self._lock_report(new, check, missing)

    def _lock_report(self, new: Lock, check: bool, missing: tuple[str, ...] = ()) -> LockReport:
        path = self.root / LOCK_FILE
        inside(self.root, LOCK_FILE)
        text = write_lock(new)
        old = (read_text(path, LOCK_FILE)[0] or "") if path.is_file() else ""
        before = dict(self.lock_file.relations) if self.lock_file else {}
        after = new.relations
        if not check and text != old:
            write_inside(self.root, LOCK_FILE, text)
        return LockReport(
            path,
            text,
            text != old,
            tuple(sorted(after.keys() - before.keys())),
            tuple(sorted(before.keys() - after.keys())),
            tuple(sorted(k for k in after.keys() & before.keys() if after[k] != before[k])),
            missing,
        )

    def _described(self, dialect: str) -> dict[str, Described]:
        catalog = self._graph.catalog
        found: dict[str, Described] = {}
        for model in catalog.models:
            relation = catalog.relation(model)
            parts = relation.parts
            if len(parts) == 1 and self._schema:
                parts = (self._schema, *parts)
            models = subqueries((relation,), catalog)
            folder = self.root.as_posix()
            tree = read_all(relation, models, dialect, self._schema, folder)
            found[relation.key] = Described(relation, parts, to_sql(tree, dialect))
        return found

    def debug(self) -> list[Check]:
        """What a connection needs, step by step, until the first that fails."""
        checks = [Check("project", True, f"{self.name} in {self.root}")]
        profile = f"{self.target.profile or 'no profile'}, target {self.target.name}"
        source = f" from {self.target.path}" if self.target.path else ""
        checks.append(Check("profile", True, f"{profile} ({self.target.type}){source}"))
        try:
            connection = self._connect()
        except WarehouseError as error:
            return [*checks, Check("connection", False, error.issues[0].message)]
        try:
            connection.run("SELECT 1 AS one")
            checks.append(Check("connection", True, f"{connection.dialect} answers"))
            for key, described in self._described(connection.dialect).items():
                try:
                    columns = connection.describe(described.select)
                    checks.append(Check(key, True, f"{len(columns)} columns"))
                except WarehouseError as error:
                    checks.append(Check(key, False, error.issues[0].message))
        except WarehouseError as error:
            checks.append(Check("connection", False, error.issues[0].message))
        finally:
            connection.close()
        return checks

    # ------------------------------------------------------------------------------------ warehouse

    @property
    def _schema(self) -> str:
        return self.target.schema or ""

    def _connect(self) -> Connection:
        if self.connection is not None:
            return wrap(self.connection)
        if self.target.missing:
            raise ConfigError(self.target.missing)
        return connect(self.target, project_dir=self.profile_folder or self.root)


def _told(target: Target) -> TargetInfo:
    """What templates are told of the target: names, and nothing that connects."""
    known = (target.settings.get(key) for key in ("database", "dbname", "project", "catalog"))
    database = next((str(value) for value in known if value), "")
    if not database and target.dialect == "duckdb":
        database = Path(str(target.settings.get("path") or "memory")).stem  # as DuckDB names it
    return TargetInfo(target.name, target.schema or "", target.type, database)


def _target(
    layout: Layout,
    variables: Mapping[str, Any],
    profile: str | None,
    target: str | None,
    profiles_dir: str | Path | None,
) -> Target:
    """The target that was asked for; one without a connection where only dbt names a profile.

    Without its profiles.yml, a dbt project can still be checked and compiled.
    """
    config = layout.config
    try:
        return find_target(
            project_dir=layout.profile_folder,
            project_name=config.name,
            profile=config.profile,
            profile_flag=profile,
            target_flag=target,
            profiles_dir=Path(profiles_dir) if profiles_dir is not None else None,
            variables=variables,
        )
    except NoProfiles as error:
        is_dbts = layout.dbt is not None and config.profile == layout.dbt.profile
        if profile or target or profiles_dir or not is_dbts:
            raise
        return unconnected(error, config.profile or "", config.dialect)


def _places_of_another(layout: Layout, target: Target) -> list[Issue]:
    """Whether dbt's manifest was made for another target than the one that is asked."""
    manifest = layout.manifest
    other = made_for(manifest, target.schema or "", target.beside) if manifest else None
    if manifest is None or other is None:
        return []
    message = f"the manifest was made for target `{other[0]}` (schema `{other[1]}`): rows are read "
    message += f"there, and not from `{target.name}` (schema `{target.schema}`)"
    hint = f"run `dbt parse --target {target.name}`"
    return [Issue("bad-manifest", message, Location(manifest.path), hint, "warning")]


def _wrapped_target(connection: object) -> Target:
    dialect = wrap(connection).dialect
    return Target("", "connection", dialect, dialect, None, {}, None)


def _words(value: Words) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _read_lock(root: Path) -> tuple[Lock | None, list[Issue]]:
    try:
        if not inside(root, LOCK_FILE).exists():
            return None, []
    except ConfigError as error:
        return None, list(error.issues)
    text, issue = read_text(root / LOCK_FILE, LOCK_FILE)
    if text is None:
        return None, [issue] if issue else []
    return read_lock(text)
