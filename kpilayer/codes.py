"""Every code that an issue can carry, with what `kpilayer explain CODE` says of it.

A code is a word that reads after "allow": allow *duplicate-key*. This table is the only registry:
an :class:`~kpilayer.errors.Issue` with another code cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means: a sentence, why it matters, and the way out."""

    title: str
    why: str
    instead: str


CODES: Final[dict[str, Code]] = {
    # ------------------------------------------------------------------------------- files and text
    "unreadable-file": Code(
        "A file cannot be read as UTF-8 text, or cannot be written.",
        "What cannot be read cannot be compiled; guessing an encoding would change names.",
        "Save the file as UTF-8, without NUL bytes, and make sure that it may be read.",
    ),
    "yaml-syntax": Code(
        "A file is not well-formed YAML.",
        "Nothing after the fault can be trusted to mean what its author meant.",
        "Check indentation, quotes and colons at the place shown; quote strings that start with "
        "`{`, `[`, `*`, `&`, `!`, `%`, `@` or a backtick. Jinja tags always stand in quotes.",
    ),
    "duplicate-key": Code(
        "A mapping has the same key twice.",
        "Most YAML readers keep the last one silently, so half of a definition can get lost.",
        "Keep one of the two.",
    ),
    "too-large": Code(
        "A file or a metric's formula is larger or more deeply nested than allowed, or a name is "
        "reached by too many join paths.",
        "Aliases of aliases, metrics of metrics and joins of joins can grow without bound.",
        "Split the file, write out what the aliases stand for, make the formula flatter, or name "
        "the path in full (bounds: docs/security.md).",
    ),
    "jinja-error": Code(
        "A Jinja template cannot be rendered.",
        "The text that the template stands for is unknown.",
        "Correct the tag at the place shown. Names that exist: `Dimension`, `TimeDimension`, "
        "`Entity`, `Metric`, `ref`, `source`, `var`, `env_var`, `target` and the macros of the "
        "project's macro folders.",
    ),
    "jinja-limit": Code(
        "A Jinja template ran longer, or made more text, than allowed.",
        "A definition must compile in bounded time on every machine, CI included.",
        "Make the loop shorter; move work of this size into the warehouse.",
    ),
    "jinja-sandbox": Code(
        "A Jinja template reached for something outside the sandbox.",
        "Templates come with pull requests; they may make text, and nothing else.",
        "Use the names that kpilayer gives to templates, `var()` for settings.",
    ),
    "unknown-var": Code(
        "`var('..')` names a variable that has no value.",
        "A definition with a missing variable would mean something else on each machine.",
        "Add it under `vars:` in kpilayer.yml, pass `--vars`, or give `var` a default.",
    ),
    # ---------------------------------------------------------------------------- fields and values
    "unknown-field": Code(
        "A key is not one that this kind of definition has.",
        "A key with a typing error would otherwise be ignored, and the number would change.",
        "Use the suggested key, or put free-form values under `config: {meta: {..}}`.",
    ),
    "missing-field": Code(
        "A required key is missing.",
        "There is no safe default for it.",
        "Add the key.",
    ),
    "bad-value": Code(
        "A key of a file, or an argument of a question, has a value that it cannot take.",
        "Coercing it would be a guess.",
        "Use one of the values that the message names.",
    ),
    "not-supported-yet": Code(
        "A kind or key of the definition language is known, but this version cannot compute it.",
        "Ignoring it would give a different number than the definition says.",
        "Remove it, or express the metric with the kinds that are supported (see the guide).",
    ),
    "bad-name": Code(
        "A name does not follow the rule for names.",
        "Names become columns on every warehouse, and `__` separates an entity from a dimension.",
        "Use lower-case letters, digits and single underscores, starting with a letter; not a "
        "grain such as `month` and not `metric_time`.",
    ),
    "duplicate-name": Code(
        "Two definitions of one kind have the same name.",
        "Which one is meant would depend on the order of files.",
        "Rename or delete one of them; both places are shown.",
    ),
    # ----------------------------------------------------------------------------------- references
    "unknown-model": Code(
        "A name is not a semantic model of this project.",
        "There is no table to read.",
        "Use the suggested name; `kpilayer list models` shows them all.",
    ),
    "unknown-metric": Code(
        "A name is not a metric of this project.",
        "There is nothing to compute.",
        "Use the suggested name; `kpilayer list metrics` shows them all.",
    ),
    "unknown-dimension": Code(
        "A name is not a dimension or entity that these metrics can be grouped or filtered by.",
        "Every metric of a query must be able to resolve each of its group-bys and filters.",
        "Write `<entity>__<dimension>`, or `metric_time`; "
        "`kpilayer list dimensions -m <metric>` shows what a metric can be grouped by.",
    ),
    "unknown-column": Code(
        "An expression names a column that its table does not have, by kpilayer.lock.",
        "The warehouse would refuse the SQL, but only when somebody queries the metric.",
        "Correct the column, or run `kpilayer lock` if the table has changed.",
    ),
    "unknown-input": Code(
        "A derived metric's expression uses a name that is none of its inputs.",
        "An expression over metrics reads its inputs' names or aliases, and nothing else.",
        "Add the metric to `input_metrics`, or use the name or alias of one that is there.",
    ),
    "unknown-measure": Code(
        "A metric of dbt's legacy spec stands on a measure that no semantic model has.",
        "The number has no definition.",
        "Correct the name, or add the measure to the `measures` of a semantic model.",
    ),
    "cycle": Code(
        "Definitions refer to each other in a circle.",
        "No order of computing them exists.",
        "Break the circle at one of the places named.",
    ),
    "unknown-ref": Code(
        "A semantic model stands on a dbt model that dbt's manifest does not have.",
        "It is not known where its rows are.",
        "Correct the name, or run `dbt parse` where the dbt model is newer than the manifest.",
    ),
    "unknown-doc": Code(
        "`doc('..')` names a `{% docs %}` block that no Markdown file of the project has.",
        "The description lacks its text; numbers are not touched.",
        "Add the block to a `.md` file of the model folders, or correct the name.",
    ),
    # --------------------------------------------------------------------------------- SQL snippets
    "bad-sql": Code(
        "An expression, filter or SQL model cannot be parsed.",
        "Text that is not understood cannot be carried to another warehouse, or checked.",
        "Correct the SQL at the caret; it is read in the project's `dialect`.",
    ),
    "several-statements": Code(
        "There is more than one SQL statement where one expression or query belongs.",
        "A definition describes one value; a second statement could do anything.",
        "Remove the semicolon and what follows it.",
    ),
    "not-an-expression": Code(
        "Something other than a scalar SQL expression stands where an expression belongs.",
        "Queries, window functions, DDL and DML inside an expression escape the compiler's "
        "guarantees on rows, joins and side effects.",
        "Write an expression over columns; put queries into a SQL model (`models/<name>.sql`).",
    ),
    "aggregate-in-expression": Code(
        "An expression over rows holds an aggregate function.",
        "The metric's `agg` aggregates; an aggregate inside its `expr` would be nested.",
        "Write the row-level value in `expr` and name the aggregation in `agg`.",
    ),
    "bare-column": Code(
        "A filter names a column directly.",
        "A filter must mean the same for every metric that it meets; a bare column would bind to "
        "whatever table happens to have it.",
        "Name a dimension: `{{ Dimension('order__status') }}`.",
    ),
    "function-not-allowed": Code(
        "A filter given by a caller uses a function that is not on the list of safe functions.",
        "Callers pass values, not code: some functions of a warehouse sleep, read files or write.",
        "Filter on a dimension; define one with the function in its `expr` if it is needed.",
    ),
    "unproven-function": Code(
        "An expression uses a function that has not been executed on every supported dialect.",
        "It may be missing or mean something else elsewhere.",
        "Prefer a function of the guide's list, or use a SQL model or macro for it.",
    ),
    # ---------------------------------------------------------------------------------------- joins
    "no-join-path": Code(
        "There is no path of entities from a metric's model to a dimension.",
        "Without one the number cannot be broken down by it.",
        "Add the foreign entity to the metric's model, or use a dimension that it reaches.",
    ),
    "fan-out-join": Code(
        "A dimension is reached only by joining from one row to many, which is not allowed here.",
        "Groups would overlap (`fanout: refuse` forbids that), or a condition mixes many sides.",
        "Use a dimension on the metric's own side, or define the metric on the finer table.",
    ),
    "ambiguous-join": Code(
        "A dimension is reached by several equally short paths.",
        "The paths can lead to different rows, so the number would depend on a coin toss.",
        "Name the path in full, entity by entity, as the message shows.",
    ),
    "composite-key": Code(
        "A key of several parts is used where one value is needed, or its sides differ in parts.",
        "The parts of two keys pair by position; a part without a partner would join other rows.",
        "Group and filter by the dimensions that are the parts; give both sides as many parts.",
    ),
    "no-primary-key": Code(
        "A metric is grouped by its many side, and its model declares no primary key.",
        "A row counts once per group; without a key, two equal rows cannot be told from one twice.",
        "Declare the model's primary entity with its column, or group by another dimension.",
    ),
    # -------------------------------------------------------------------------------------- queries
    "no-metrics": Code(
        "A query names no metric, and asks for something that only metrics have.",
        "Without metrics, the values of group-bys are listed; there is nothing to compute.",
        "Name at least one: `-m revenue`.",
    ),
    "unknown-grain": Code(
        "A word is not a time grain or date part.",
        "Time can be truncated only to a known period.",
        "Use one of the grains or parts that the message names.",
    ),
    "custom-grain": Code(
        "A time spine has a custom granularity with the name of a fiscal grain.",
        "What the spine says is used, and the settings of the fiscal year are not.",
        "Give the custom granularity another name, if the fiscal calendar of the project is meant.",
    ),
    "unknown-type": Code(
        "What is computed depends on the type of a column, and that is not known.",
        "Dates, times of day and instants are moved between zones in different ways; SQLite and "
        "MySQL add to dates and to numbers in different words.",
        "Run `kpilayer lock`, or cast in `expr`: `CAST(ordered_at AS TIMESTAMP)`.",
    ),
    "grain-too-fine": Code(
        "A time dimension is asked for at a finer grain than it has.",
        "The data do not say when within the period something happened.",
        "Ask for the dimension's own grain or a coarser one.",
    ),
    "unknown-zone": Code(
        "Times that decide which rows belong together cannot be compared across time zones.",
        "Beside an instant, a time of day without a zone could be hours earlier or later.",
        "Give each of them a `timezone`, or say that those without one are days.",
    ),
    "no-time-dimension": Code(
        "A metric without a time dimension is asked for by time.",
        "Nothing says when its rows happened.",
        "Give the metric or its model an `agg_time_dimension`, or query without time.",
    ),
    "needs-time": Code(
        "A metric about time is asked for without the time, or by a part of it.",
        "A running total or an earlier value is one at a time; without it there is none.",
        "Group by `metric_time`, at any grain.",
    ),
    "unstated-period-agg": Code(
        "A cumulative metric is shown by periods longer than its own, and says nothing of them.",
        "Of a running total by month, dbt shows the first day; most people expect the last.",
        "Add `period_agg: last`, `first` or `average` to the metric.",
    ),
    "uneven-offset": Code(
        "Weeks are compared with those a month, quarter or year earlier.",
        "Months are not made of whole weeks: no week lies exactly a month before another.",
        "Ask by day or by month, or define the offset in weeks: `52 weeks`.",
    ),
    "no-rows-to-move": Code(
        "A rule about time stands on a metric that has no rows of its own at that time.",
        "A running total of running totals, say, has no meaning that all would agree on.",
        "Use the metric below it, or ask at the grain of the offset or finer.",
    ),
    "mixed-condition": Code(
        "One condition is about the time shown and about rows of another time.",
        "An earlier value is shown at a later time: what holds for one does not for the other.",
        "Write two conditions, each about one of them.",
    ),
    "no-grouped-metric": Code(
        "A group-by that no metric of the question keeps.",
        "An input with fewer group-bys repeats on the others; something else must say which are.",
        "Ask for a metric beside it that is grouped by it.",
    ),
    "bad-time-range": Code(
        "`start` or `end` is not a date or time, or the range is empty.",
        "The rows it would select are unclear.",
        "Write ISO 8601: `2026-01-31` or `2026-01-31T18:00:00`, with start before end.",
    ),
    "bad-order-by": Code(
        "`order_by` names something that is not in the result.",
        "Only what is selected can be sorted by.",
        "Use an output column, with `-` in front for descending.",
    ),
    "bad-having": Code(
        "`having` names something that is no column of the answer.",
        "It is a condition on the answer's rows; rows of a model are filtered by `where`.",
        "Name an output column, or a metric as `{{ Metric('revenue') }}`.",
    ),
    "bad-compare": Code(
        "`compare` cannot be read, or would compare what is not alike.",
        "A part of a period beside a whole one looks like a change and is none.",
        "Write `prior_period`, `prior_year` or a length such as `7 days`.",
    ),
    "bad-top": Code(
        "`top` cannot be read, or ranks what has no rank.",
        "The best members must be those of one group-by, by one metric in total.",
        "Write `{n: 3, by: -revenue, of: customer__name, other: other}`.",
    ),
    "bad-totals": Code(
        "A level of `totals` names no group-by of the question, or all of them.",
        "A total is over fewer group-bys than the rows that it stands below.",
        "List the group-bys that the level keeps: `[[customer__region], []]`.",
    ),
    "bad-fill": Code(
        "`fill` cannot be used as asked.",
        "Gaps are those of the metrics' own time, and are filled with 0.",
        "Give `fill=0`, and group by `metric_time`.",
    ),
    "unsound-question": Code(
        "Parts of a question have a meaning each, and none together.",
        "A number that nobody could say the meaning of is worse than none.",
        "Ask for the nearest that the message names.",
    ),
    "bad-export": Code(
        "An export cannot be made, or would replace a table that definitions read.",
        "An export replaces what is called so; the source of a metric must not be lost to it.",
        "Name an export of the saved query, and give it a name of its own.",
    ),
    "unknown-kpi": Code(
        "A name is not a KPI of this project.",
        "What a KPI supports, is guarded by or is made of has to be there.",
        "Use the suggested name; `kpilayer list kpis` shows them all.",
    ),
    "unmapped-fact": Code(
        "A fact of the KPI library has no model or table here, or not all of its columns.",
        "A KPI over a column that only looks like the right one is a wrong number, and no error.",
        "Say what stands for it: `--map subscriptions=fct_subs --map subscriptions.mrr=amount`.",
    ),
    "bad-range": Code(
        "A range of a KPI holds no number, or contradicts itself.",
        "Such a KPI is never healthy, or never in breach.",
        "Let `critical` be the wider range, and give the side that `direction` is about a bound.",
    ),
    "kpi-cycle": Code(
        "KPIs support each other in a circle.",
        "The hierarchy is read from a north star down; a circle has no top.",
        "Leave out the `supports` that leads back.",
    ),
    # --------------------------------------------------------------------------------- lint of KPIs
    "kpi-unspecific": Code(
        "KPIs of which too little is said to know what counts.",
        'Five departments read "revenue" in five ways; a sentence settles it.',
        "Say what is included and what is not.",
    ),
    "kpi-vague-label": Code(
        "KPIs whose name is a wish.",
        "A wish cannot be measured; two people measure it in three ways.",
        'Name what is counted: "CSAT share of 4 and 5".',
    ),
    "kpi-no-lever": Code(
        "KPIs of which nobody says how to move them.",
        '"Revenue has to rise" is no plan.',
        "Name what it is made of, or what moves it.",
    ),
    "kpi-stale-source": Code(
        "KPIs whose data may be older than the period that they are judged for.",
        "A week is judged by data of the week before, and nobody is told.",
        "Let the data be fresher, or judge less often.",
    ),
    "kpi-orphan": Code(
        "KPIs that lead to no north star.",
        "What supports nothing is somebody's favourite number.",
        "Say what it `supports`, or let it be a metric.",
    ),
    "kpi-vanity": Code(
        "KPIs that count what only grows, or what nobody pays for.",
        "They look well and decide nothing.",
        "Take a rate or an outcome: sign-ups that are active, visits that convert.",
    ),
    "kpi-unmeasured": Code(
        "No value for three periods.",
        "Nobody can say how it stands.",
        "Mend the source, or retire the KPI.",
    ),
    "kpi-only-grows": Code(
        "A running total that never falls.",
        "What only grows cannot drift, so it never tells anything.",
        "Take what a period adds, or give the running total a window.",
    ),
    "kpi-twin": Code(
        "Two KPIs whose numbers are nearly the same.",
        "They may be two definitions of one thing, and will differ some day.",
        "Keep one, or say in the descriptions what differs.",
    ),
    "kpi-source-late": Code(
        "A source that does not keep up.",
        "The number on the wall is that of another time.",
        "Mend the pipeline, or say with `grace` and `freshness` how long data take.",
    ),
    "kpi-never-near": Code(
        "A range that nothing ever comes near to.",
        "If it never fires, nobody would notice that it cannot.",
        "Draw the range where somebody would act, or ignore the rule for what is promised "
        "to others.",
    ),
    "kpi-ignored": Code(
        "A breach that nobody says anything of.",
        "A consequence that nobody draws is none.",
        "Do what the contract says and note it (`notes:`), or change the contract.",
    ),
    "kpi-stretch-goal": Code(
        "A range that is a goal.",
        "Red for a year is no signal: a range says what is normal.",
        "Make the number a key result, and draw the range where things are well.",
    ),
    "kpi-unreachable": Code(
        "A target that is further away than it ever moved.",
        "A plan that nobody believes steers nothing.",
        "Move the date or the value, or say what will be done otherwise.",
    ),
    "kpi-noisy-range": Code(
        "A range that would flap.",
        "Whoever is called too often does not come.",
        "Widen the range, or let `confirm` wait for a second period.",
    ),
    "kpi-identity": Code(
        "A driver tree that does not add up.",
        "What moved the number is told by a formula that is not the number.",
        "Add the driver that is missing, or correct the formula.",
    ),
    "kpi-percent": Code(
        "Bounds in percent of values that are fractions.",
        "By such a range nothing is ever healthy, or everything is.",
        "Write bounds as fractions: 0.72 for 72 %.",
    ),
    "kpi-sprawl": Code(
        "More KPIs than somebody can watch.",
        "Twenty KPIs watch nothing.",
        "Keep three to five; the others stay metrics.",
    ),
    "kpi-blind": Code(
        "Teams that have metrics, and no KPI.",
        "Many numbers are looked at, and nobody has said when one of them is bad.",
        "Choose the one that the team acts on, and give it a range and a consequence.",
    ),
    "kpi-north-stars": Code(
        "More than one north star.",
        "Two stars are two directions.",
        "Let one be supporting, or give them the `scope` of their products.",
    ),
    "okr-counts": Code(
        "More objectives or key results than focus allows.",
        "Focus beats breadth.",
        "Keep what matters most.",
    ),
    "kpi-duplicate": Code(
        "Two KPIs on one number.",
        "One of them will be changed, and the other one not.",
        "Keep one; show it in both places.",
    ),
    "kpi-label-clash": Code(
        "Two KPIs that people call the same.",
        "Who says the word means one of the two, and nobody knows which.",
        "Say in the label what is different.",
    ),
    "kpi-review-overdue": Code(
        "Contracts that were to be looked at again, and were not.",
        "A range that was right for a company of 20 is wrong for one of 200.",
        "Review it, and write down the next date.",
    ),
    "kpi-deprecated-in-use": Code(
        "Deprecated KPIs that others still rest on, or that never end.",
        "It goes away, and with it what rests on it.",
        "Use what replaces it.",
    ),
    "kpi-no-guardrail": Code(
        "KPIs that may be improved at the cost of something else, unseen.",
        "Whatever is rewarded alone is gamed: calls are closed, not solved.",
        "Name what would break if somebody gamed it, or say in `guardrail_exempt` why nothing "
        "does.",
    ),
    "kpi-weak-guardrail": Code(
        "Guardrails that cannot fire.",
        "A rail without a height holds nobody.",
        "Name a KPI, which has a range of its own, or give the metric one.",
    ),
    "kpi-individual-target": Code(
        "Targets for single people.",
        "Who is paid by a number moves the number, and not what it stands for.",
        "Set it for a team.",
    ),
    "kpi-no-owner": Code(
        "KPIs that nobody owns.",
        "A number that everybody owns is one that nobody acts on.",
        "Name the group, which survives people, and who is accountable now.",
    ),
    "kpi-no-consequence": Code(
        "KPIs whose breach has no consequence.",
        "Where nobody would act, it is a metric on a dashboard, and no KPI.",
        "Say who does what within which time.",
    ),
    "kpi-no-range": Code(
        "KPIs that are healthy at any value.",
        "Without one there is no status.",
        "Give `health.healthy`, or `health.relative.healthy`.",
    ),
    "kpi-empty-action": Code(
        "Actions that are none.",
        '"Monitor closely" is what happens anyway.',
        "Name what is done that would not be done otherwise, and by when.",
    ),
    "kpi-open-editors": Code(
        "Contracts that everybody may change.",
        "Whoever is judged by a range should not be the only one to move it.",
        "Name the groups that decide.",
    ),
    "kpi-unmasked": Code(
        "KPIs of restricted data that everybody sees.",
        "A total tells what its rows may not: one customer of a region, one salary of a team.",
        "Name the groups that may see it, or `mask` it for the others.",
    ),
    "okr-no-result": Code(
        "Key results that measure nothing, or aim at where they start.",
        '"Launch the app" is a task; what it changes is the result.',
        "Name the number that moves, and how far.",
    ),
    "kpi-target-outside": Code(
        "Targets outside the range in which the KPI is healthy.",
        "Who reaches the plan is in breach.",
        "Move the range or the target: one of them is wrong.",
    ),
    "kpi-target-backwards": Code(
        "Targets that are no better than where they start.",
        "It is reached by doing nothing.",
        "Check the direction, or aim higher.",
    ),
    "kpi-target-past": Code(
        "Targets whose date is past.",
        "It was reached or missed; what is aimed at now, nobody knows.",
        "Take it out, or set the next one.",
    ),
    "kpi-overlapping-overrides": Code(
        "Two overrides of a range for the same days.",
        "Which of the two holds is decided by the order of lines.",
        "Say each time once.",
    ),
    "kpi-mixed-units": Code(
        "Sums of numbers of different units.",
        "Customers and euros add up to nothing.",
        "Use `product` or `formula`, or bring them to one unit.",
    ),
    "kpi-distinct-added": Code(
        "Sums of counts of different things, which may share some.",
        "Who uses both features is counted twice.",
        "Count them together, or show the parts beside the total.",
    ),
    "kpi-no-tree": Code(
        "North stars of which nobody says what they are made of.",
        "Why it moved is asked every month; without a tree, everybody has a story.",
        "Give `drivers`, down to numbers that somebody owns.",
    ),
    "kpi-below-its-own": Code(
        "A KPI that supports one of a lower kind, or is reported less often than what it supports.",
        "What is below shows first what will happen above.",
        "Turn the edge around, or report it more often.",
    ),
    "kpi-flows-to-stock": Code(
        "Flows that are added up to a level.",
        "New, expansion and churned MRR add up to the change of MRR, not to MRR.",
        "Use `op: rollforward`.",
    ),
    "lint-ignore": Code(
        "A rule is ignored that has ended, that is unknown, or that has nothing to say.",
        "An ignore that nobody needs hides the next finding.",
        "Take it out, or give it another `until`.",
    ),
    "unknown-rule": Code(
        "There is no rule of this code.",
        "Nothing would be checked, and nobody told.",
        "Use the suggested code; `kpilayer explain` shows them all.",
    ),
    "unknown-view": Code(
        "There is no view of this name.",
        "Views are declared under `views:`, and metrics without one have their own.",
        "Use one of those that `kpilayer views list` shows.",
    ),
    "edited-by-hand": Code(
        "A published view was changed by hand.",
        "Its readers see other numbers than the definition gives; and the change would be lost.",
        "Take the change into the definition, or overwrite it: `publish --overwrite NAME`.",
    ),
    "not-ours": Code(
        "Something that kpilayer did not publish has the name of a view.",
        "Replacing it would destroy what somebody else made.",
        "Rename the view, or take it over: `publish --overwrite NAME`.",
    ),
    "has-dependents": Code(
        "A view must be dropped or made anew, and other relations stand on it.",
        "They would be lost, or left behind broken.",
        "Drop them first, or let them go with it: `publish --cascade`.",
    ),
    "publish-busy": Code(
        "Somebody else publishes into the same schema.",
        "Two publications at once would leave a mixture.",
        "Try again when the other one is done.",
    ),
    "moved-goalposts": Code(
        "A range lets more pass while its KPI is outside of it.",
        "Then nothing got better, and the number is healthy all the same.",
        "Change the range when it is healthy, or say why the old one was wrong.",
    ),
    "history-busy": Code(
        "Another run writes the history of KPIs.",
        "Runs write one after the other, so that each verdict is there once; this one waited for a "
        "minute.",
        "Try again when the other one is done; a history in PostgreSQL (`history: {schema: ..}`) "
        "lets readers in meanwhile.",
    ),
    "stale-plan": Code(
        "A saved plan is not what publishing would do now.",
        "Definitions or the database have changed since somebody approved it.",
        "Make the plan anew, and look at it again.",
    ),
    "reserved-value": Code(
        "A group of the data is called `(all)` or `(null)`.",
        "In a view of all levels these stand for every group, and for no value.",
        "Leave out `rollup`, or name the group otherwise in the dimension.",
    ),
    "no-grants": Code(
        "Rights are declared for a database that has none.",
        "Whoever can open the file can read all of it.",
        "Keep such files where only their readers are, or publish to a server.",
    ),
    "bad-view": Code(
        "A view cannot be made as it is declared.",
        "It would be refused by the database, or show less than it seems to.",
        "Follow the hint.",
    ),
    "session-time-zone": Code(
        "A view would show other numbers to readers in other time zones.",
        "A time with a zone is cut into days by the session that reads it.",
        "Say in the SQL model which zone is meant: `created_at AT TIME ZONE 'UTC'`.",
    ),
    "unknown-saved-query": Code(
        "There is no saved query of this name.",
        "Saved queries are defined under `saved_queries:`.",
        "Use one of those that `kpilayer list saved-queries` shows.",
    ),
    "bad-saved-query": Code(
        "A saved query is asked together with what it says itself.",
        "Metrics and group-bys of a saved query are its own.",
        "Add only conditions, a range, an order, a limit and what is done with the answer.",
    ),
    "bad-limit": Code(
        "`limit` is not a whole number from 0 up.",
        "It counts rows.",
        "Give a whole number, or leave it out for all rows.",
    ),
    "duplicate-column": Code(
        "A query asks for the same output column twice.",
        "Consumers could not tell the two apart.",
        "Ask for it once.",
    ),
    "unsupported-in-dialect": Code(
        "A construct has no correct form in the target dialect.",
        "A near miss would be a wrong number.",
        "Use a target that has it, or the alternative that the message names.",
    ),
    "unverified-dialect": Code(
        "The target dialect has not been executed against real data by kpilayer's tests.",
        "SQL that parses can still give a wrong number.",
        "Use `duckdb` or `postgres`, or pass `--unverified` to print it all the same.",
    ),
    "identifier-too-long": Code(
        "A name is longer than the target dialect allows.",
        "PostgreSQL, for one, cuts at 63 bytes with only a notice, and two columns can become one.",
        "Shorten the metric's or dimension's name, or the path in front of it.",
    ),
    "truncated-literal": Code(
        "A literal compared with a time grain was moved to the start of its period.",
        "A month is compared by its first day; `>= '2026-01-15'` would otherwise drop January.",
        "Write the first day of the period.",
    ),
    "overlapping-groups": Code(
        "A metric is grouped by its many side: a row can stand in several groups.",
        "Each row counts once per group, so that the groups do not add up to the total.",
        "Ask for the total without this group-by; `fanout: refuse` forbids such groups.",
    ),
    "matched-rows": Code(
        "A metric is filtered by its many side: rows count once if some match meets the filter.",
        "An order with two matching lines is one order; all conditions are tested on one line.",
        "Nothing, if that is meant; else define the metric on the many side.",
    ),
    "partial-period": Code(
        "An exact time range cuts through a period of the result.",
        "The first or last row then holds only a part of its period, and looks like a drop.",
        "Leave out `exact`, or begin and end the range with whole periods.",
    ),
    # --------------------------------------------------------------------------------------- checks
    "type-mismatch": Code(
        "Types known from kpilayer.lock do not fit together.",
        "A sum of text or a join of text to numbers fails, or matches by accident, when queried.",
        "Correct the column or aggregation, or cast in `expr`.",
    ),
    "unlocked-relation": Code(
        "kpilayer.lock does not describe a relation, so its columns were not checked.",
        "An unknown column is then found only by the warehouse.",
        "Run `kpilayer lock` and commit the file.",
    ),
    "env-var-in-definition": Code(
        "A definition reads an environment variable.",
        "Its meaning then depends on the machine that compiles it, which no review can see.",
        "Use `var()`, whose values stand in kpilayer.yml; keep `env_var` for profiles.",
    ),
    # -------------------------------------------------------------------------------- configuration
    "no-project": Code(
        "There is no kpilayer.yml here or in any folder above.",
        "Commands work on a project.",
        "Change into a project, pass `-C DIR`, or start one with `kpilayer init`.",
    ),
    "bad-profile": Code(
        "profiles.yml, a profile in it or a target of the profile cannot be used.",
        "It is not known where to run.",
        "Correct the place shown; `kpilayer debug` prints which files were read.",
    ),
    "missing-env-var": Code(
        "An environment variable is not set that `env_var('..')` or a channel of alerts names.",
        "An empty value could connect somewhere else.",
        "Set the variable, or give `env_var` a default as second argument.",
    ),
    "bad-vars": Code(
        "`--vars` is not a YAML mapping.",
        "Its values could not be told apart.",
        "Write `--vars 'currency: USD'` or `--vars '{currency: USD, tax: 0.2}'`.",
    ),
    "bad-manifest": Code(
        "A JSON file that dbt wrote cannot be used.",
        "It says where dbt builds its models, and in which dialect definitions are written.",
        "Run `dbt parse` (for catalog.json `dbt docs generate`) with dbt 1.5 or later.",
    ),
    "no-manifest": Code(
        "A dbt project has no manifest.json that says where dbt builds its models.",
        "Schemas, aliases and the SQL dialect are decided by dbt's configuration and macros.",
        "Run `dbt parse`; it needs no connection. Or name the file: `dbt_manifest:`.",
    ),
    "folder-not-empty": Code(
        "A command would write over files that are already there.",
        "Work could be lost.",
        "Choose another folder, or move the files away.",
    ),
    "bad-role": Code(
        "An attribute of a role has a value that row access cannot be decided by.",
        "Values of a role are written as literals: texts, numbers, dates, or lists of them for IN.",
        "Give a value of the kind that the filter compares with, and a list only for "
        "`IN {{ role.name }}`.",
    ),
    "no-role": Code(
        "A model shows no rows: its row access needs an attribute that the role does not have.",
        "What nobody has allowed is hidden.",
        "Say who asks: `--role region=EU`, or `role={'region': 'EU'}` in Python.",
    ),
    "mixed-versions": Code(
        "One number would be made of rows of two versions of a metric.",
        "Sums of both add up; a ratio or a count of different values of both means nothing.",
        "Ask by a time grain whose periods end where the version does, for a range on one side of "
        "it, or for one version: `metric@1`.",
    ),
    "stitched-versions": Code(
        "A metric has the numbers of a former version for its days (`restate: false`).",
        "The definition that is shown is that of the newest version.",
        "Nothing is wrong. Ask for one version for all dates with `metric@1`.",
    ),
    # ----------------------------------------------------------------------------------------- data
    "key-not-unique": Code(
        "A key that is declared primary or unique has values that stand in more than one row.",
        "Joins to the model repeat the rows of whatever is counted, and no error tells.",
        "Remove the duplicates, declare the rest of the key as well (`columns:`), or declare it "
        "`foreign`. `kpilayer check --live --show-values` names some of the values.",
    ),
    "key-is-null": Code(
        "Rows have no value of a key that is declared primary or unique.",
        "No join finds such a row; grouped by the entity, all of them fall together.",
        "Fill the key, or leave the rows out in a SQL model.",
    ),
    "unmatched-keys": Code(
        "Foreign keys find no row in the model that they join.",
        "Their rows are counted, in the group NULL of everything that is joined. Where no key at "
        "all finds a row, the two keys do not mean the same, and the problem is a warning.",
        "Load the missing rows, or correct the key; both sides must have the same form.",
    ),
    "partition-is-null": Code(
        "Rows have no value of a dimension that is declared a partition.",
        "Models with the same partition are joined on it, and NULL joins nothing.",
        "Fill the partition, or do not declare it as one.",
    ),
    "overlapping-versions": Code(
        "Two versions of one key hold at the same time.",
        "A fact at that time joins both, and counts twice.",
        "End each version where the next one begins; the end itself is no longer part of it.",
    ),
    "empty-version": Code(
        "A version of a key has no start, or does not end after it.",
        "It never holds, so no fact ever joins it.",
        "Correct its start and its end; a version that still holds has no end.",
    ),
    "uneven-spine": Code(
        "A time spine does not have one row for each period from its first to its last.",
        "Cumulative and filled metrics would skip periods, or count them twice.",
        "Make the table anew from a generated series of dates.",
    ),
    "relation-changed": Code(
        "A table has lost columns, or changed their types, since kpilayer.lock was written.",
        "Definitions that were checked against the lock may fail, or mean something else.",
        "Run `kpilayer lock`, review the difference, correct the definitions and commit both.",
    ),
    # ------------------------------------------------------------------------------------ warehouse
    "no-metricflow": Code(
        "MetricFlow, which answers are to be compared with, cannot be asked.",
        "kpilayer does not bring it: it compares with the one that a team has.",
        "Install it, name its Python with `--metricflow-python`, and run `dbt parse`.",
    ),
    "bi-unreachable": Code(
        "A BI tool does not answer at the address given, or does not let its user in.",
        "Nothing was pushed.",
        "Check the address and the credentials in the environment; a token may have expired.",
    ),
    "bi-refused": Code(
        "A BI tool does not take what is pushed to it, or has not what it would stand on.",
        "What people made there, and what they may see, is theirs to decide; nothing was replaced.",
        "Read the tool's message: a database may not be connected, a view not be published, a "
        "right be missing, or a name be taken.",
    ),
    "missing-driver": Code(
        "The driver for a warehouse is not installed.",
        "Without it no connection can be made; compiling still works.",
        "Install the extra that the message names.",
    ),
    "connection-failed": Code(
        "The warehouse could not be reached.",
        "Nothing was run.",
        "Check host, port, credentials and permissions; `kpilayer debug` tests them one by one.",
    ),
    "query-failed": Code(
        "The warehouse refused or could not finish the SQL.",
        "No number is better than a wrong one.",
        "Read the warehouse's message; `kpilayer check` finds unknown columns with a lock file.",
    ),
    "no-such-file": Code(
        "The `path` of a model matches no file.",
        "Nothing to read is not the same as no rows.",
        "Correct the path, which starts at the folder of kpilayer.yml; `kpilayer debug` tries all.",
    ),
    "query-timeout": Code(
        "A statement ran for longer than `timeout_seconds` of the target allows.",
        "It was stopped, on the server too, so that it holds up nothing else.",
        "Ask for less, or raise `timeout_seconds` in profiles.yml.",
    ),
    # --------------------------------------------------------------------------------------- review
    "certified-changed": Code(
        "A certified metric means something else, and is not a new version.",
        "Somebody vouched for a meaning; reports that rest on it must not drift unseen.",
        "Raise `version`, keep the former definition under `previous` with a `reason`, and have "
        "the new one certified.",
    ),
    "void-certificate": Code(
        "A certificate names another fingerprint than that of the metric.",
        "What was vouched for is not what is there now.",
        "Certify the new fingerprint, or remove `certified`.",
    ),
    "removed-too-early": Code(
        "A metric that others rely on is gone without a deprecation that has ended.",
        "Questions, views and dashboards that ask for it fail at once.",
        "Keep it for a while with `status: deprecated`, `sunset` and `replaced_by`.",
    ),
    "past-sunset": Code(
        "A deprecated metric is there after its last day, or has none.",
        "A deprecation without an end is never acted on.",
        "Remove the metric, or say until when it is there: `sunset`.",
    ),
    "uses-deprecated": Code(
        "A metric newly reads one that is deprecated.",
        "It breaks when the deprecated one goes.",
        "Use what replaces it (`replaced_by`).",
    ),
    "bad-approval": Code(
        "An entry of approvals.yml has ended, approves nothing, or is by a group that does not own "
        "the change.",
        "A list of approvals that nobody needs hides the ones that count.",
        "Remove the entry, or name a change id that `kpilayer diff` prints and the owner's group.",
    ),
    # ---------------------------------------------------------------------------------------- drift
    "drift-conflict": Code(
        "SQL outside the layer calculates a KPI differently from its metric.",
        "Two numbers under one name end in a meeting about which of them is right.",
        "Read the metric's view instead; or, if the other one is meant, give it a name of its own, "
        "accept it in the baseline (`--write-baseline`), or ignore it with a reason.",
    ),
    "drift-same": Code(
        "SQL outside the layer calculates a KPI as its metric does.",
        "It is right today; the next change of the definition will not reach it.",
        "Read the metric's view, or ask for the metric.",
    ),
    "drift-possible": Code(
        "SQL outside the layer may calculate a KPI; neither a proof nor rows decide.",
        "What is not decided is shown, and not counted against anybody.",
        "Compare the two by hand; `kpilayer show METRIC` prints the definition.",
    ),
    "drift-duplicate": Code(
        "Two metrics of the layer are the same number under two names.",
        "One of them will be changed alone, and then both are believed.",
        "Keep one; give it the other name as a synonym, or deprecate the other (`replaced_by`).",
    ),
    "drift-unread": Code(
        "SQL outside the layer was not understood.",
        "What is not read is neither drift nor free of it.",
        "Name the dialect (`--dialect`, or `dialect:path`), or leave the file out.",
    ),
    "bad-ignore": Code(
        "A comment that ignores drift has no reason, has ended, or ignores nothing.",
        "A list of exceptions that nobody needs hides the ones that count.",
        'Write `-- kpilayer: ignore drift-conflict reason=".." until=2026-12-31`, or remove it.',
    ),
    "stale-baseline": Code(
        "An entry of the baseline no longer occurs.",
        "The same drift could come back under its cover.",
        "Remove the entry, or write the baseline anew: `--write-baseline`.",
    ),
    # ----------------------------------------------------------------------------------------- kpis
    "bad-drivers": Code(
        "A driver tree cannot be taken apart: its formula, its names, or what its parts add up to.",
        "Contributions add up to the change only for arithmetic over numbers that are all there.",
        "Use `+`, `-`, `*`, `/`, `nullif(x, 0)` and `coalesce(x, 0)` over at most 10 drivers; make "
        "inner nodes of parts of a long formula.",
    ),
}
