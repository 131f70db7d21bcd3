"""Where output goes: data to stdout or a file, talk to stderr.

Data are what a command was asked for, talk is everything about it: summaries, notices, progress.
A file given by ``-o`` is complete or not there: it is written beside and then renamed.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

import click

from kpilayer.cli import formats
from kpilayer.cli.options import Session
from kpilayer.errors import Issue, Location

# ---------------------------------------------------------------------------------------- terminals


def in_colour(stream: IO[Any]) -> bool:
    """Whether to colour: NO_COLOR, then FORCE_COLOR, then what the stream is."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def data_in_colour(session: Session) -> bool:
    """Whether data are coloured: never in a file."""
    return session.output is None and in_colour(sys.stdout)


def data_width(session: Session) -> int:
    """Columns for a table: those of the terminal; elsewhere no limit, so that nothing is cut."""
    if session.output is None and sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return formats.FAR_TOO_WIDE


# --------------------------------------------------------------------------------------------- data


def write(session: Session, text: str | Iterable[str]) -> None:
    """Data, to ``-o`` or stdout."""
    pieces = (text,) if isinstance(text, str) else text
    if session.output is None:
        for chunk in _chunks(pieces):
            click.echo(chunk, nl=False, color=True)  # data pass as they are
        return
    with replacing(session.output) as file:
        for chunk in _chunks(pieces):
            file.write(chunk.encode())


def _chunks(pieces: Iterable[str], size: int = 65_536) -> Iterator[str]:
    """The same text in fewer pieces: click flushes after each."""
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield "".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield "".join(waiting)


def write_rows(
    session: Session,
    columns: Sequence[str],
    rows: Iterable[formats.Row],
    *,
    summary: Mapping[str, Any] | None = None,
    results: Iterable[object] | None = None,
) -> None:
    """Rows in the session's format; json takes ``results`` where they say more than the rows."""
    match session.format:
        case "csv":
            write(session, formats.as_csv(columns, rows))
        case "jsonl" if results is None:
            write(session, formats.as_jsonl(columns, rows))
        case "jsonl":
            write(session, (formats.dumps(result) + "\n" for result in results or ()))
        case "markdown":
            write(session, formats.as_markdown(columns, rows))
        case "json":
            if results is None:
                results = (dict(zip(columns, row, strict=True)) for row in rows)
            write_envelope(session, results, summary or {})
        case _:
            width, colour = data_width(session), data_in_colour(session)
            write(session, formats.as_table(columns, rows, width=width, colour=colour))


def write_envelope(
    session: Session, results: Iterable[object], summary: Mapping[str, Any], *, ok: bool = True
) -> None:
    """The JSON envelope of the running command."""
    write(session, formats.as_envelope(session.command, results, summary, ok=ok))


class Reports(Protocol):
    """What a command found, in the formats of reports."""

    def as_json(self) -> dict[str, Any]:
        """Its rows under one key, and a `summary`."""

    def to_markdown(self) -> str:
        """For a comment."""

    def to_sarif(self) -> str:
        """For code scanning."""

    def to_junit(self) -> str:
        """For a CI."""

    def to_annotations(self) -> str:
        """For GitHub."""


def write_report(session: Session, found: Reports, rows: str, *, ok: bool) -> bool:
    """What was found, in the format asked for; False where that is the terminal's text.

    ``rows`` is the key of the rows among its JSON values.
    """
    match session.format:
        case "json":
            values = found.as_json()
            write_envelope(session, values[rows], values["summary"], ok=ok)
        case "markdown":
            write(session, found.to_markdown())
        case "sarif":
            write(session, found.to_sarif())
        case "junit":
            write(session, found.to_junit())
        case "github":
            write(session, found.to_annotations())
        case _:
            return False
    return True


def write_failure(session: Session, exit_code: int, issues: Iterable[Issue]) -> None:
    """The envelope of a command that could not be done; never into the file of ``-o``."""
    summary = {"exit_code": exit_code, "issues": [issue_values(issue) for issue in issues]}
    pieces = formats.as_envelope(session.command, (), summary, ok=False)
    click.echo("".join(pieces), nl=False)


def write_parquet(session: Session, table: Any) -> None:
    """An Arrow table as Parquet; binary data are kept off terminals."""
    from pyarrow import parquet

    if session.output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is binary: pass `-o FILE`, or pipe it to a program.")
    _refuse_what_parquet_lacks(table)
    if session.output is not None:
        with replacing(session.output) as file:
            parquet.write_table(table, file)
    else:
        whole = io.BytesIO()  # a pipe cannot tell where it is, which the writer asks
        parquet.write_table(table, whole)
        sys.stdout.buffer.write(whole.getbuffer())
        sys.stdout.buffer.flush()


def _refuse_what_parquet_lacks(table: Any) -> None:
    """Columns of types that Parquet cannot hold, all of them named; tried without any rows."""
    import pyarrow as pa
    from pyarrow import parquet

    lacking = []
    for field in table.schema:
        try:
            parquet.write_table(pa.schema([field]).empty_table(), io.BytesIO())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            lacking.append(f"`{field.name}` ({field.type})")
    if lacking:
        columns = f"column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}"
        raise click.UsageError(f"Parquet cannot hold {columns}: name another format with `-f`.")


def write_each(session: Session, folder: Path, texts: Mapping[str, str]) -> None:
    """A file for each text; what else is in the folder stays."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"`{folder}` is not a folder: {error.strerror}.") from error
    for name, text in texts.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
    say(session, f"{counted(len(texts), 'file')} written to {folder}")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of ``path`` only when all is written."""
    real = Path(os.path.realpath(path))  # a link stays a link
    try:
        is_special = real.exists() and not stat.S_ISREG(real.stat().st_mode)  # /dev/null, a pipe
        beside = real if is_special else real.with_name(f".{real.name}.{os.getpid()}.part")
        file = beside.open("wb" if is_special else "xb")
    except OSError as error:
        raise click.UsageError(f"`{path}` cannot be written: {error.strerror}.") from error
    try:
        with file:
            yield file
        if not is_special:
            if real.exists():
                shutil.copymode(real, beside)
            beside.replace(real)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.UsageError(f"`{path}` cannot be written: {error.strerror}.") from error
    finally:
        if not is_special:
            beside.unlink(missing_ok=True)


# --------------------------------------------------------------------------------------------- talk


def talk(text: str) -> None:
    """A line on stderr; where that cannot be written, nobody hears it and work goes on."""
    with suppress(OSError):
        click.echo(text, err=True, color=in_colour(sys.stderr))


def say(session: Session, text: str = "") -> None:
    """Talk on stderr, unless ``-q``."""
    if not session.quiet:
        talk(text)


def nearby(path: Path) -> str:
    """A path as people type it: from where they are, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def show_issues(issues: Iterable[Issue]) -> None:
    """Issues on stderr, as people read them."""
    for issue in issues:
        talk(styled(issue))


def styled(issue: Issue) -> str:
    """The issue as text, its severity coloured; click removes colours where none are wanted."""
    colours = {"error": "red", "warning": "yellow", "notice": "cyan"}
    tag = f"{issue.severity}[{issue.code}]"
    marked = click.style(tag, fg=colours[issue.severity], bold=True)
    lines = [formats.visible(line) for line in str(issue).split("\n")]
    return "\n".join([lines[0].replace(tag, marked, 1), *lines[1:]])


def counted(number: int, one: str) -> str:
    """A number with its noun: ``1 metric``, ``2 metrics``."""
    many = one[:-1] + "ies" if one.endswith("y") and one[-2] not in "aeiou" else one + "s"
    return f"{number:,} {one if number == 1 else many}"


# -------------------------------------------------------------------------------------- JSON values


def issue_values(issue: Issue) -> dict[str, Any]:
    """An issue as JSON values."""
    return {
        "code": issue.code,
        "severity": issue.severity,
        "message": issue.message,
        "location": place_values(issue.location),
        "hint": issue.hint,
        "see": [{"label": label, "location": place_values(place)} for label, place in issue.see],
    }


def place_values(place: Location | None) -> dict[str, Any] | None:
    """A place in a file as JSON values."""
    if place is None:
        return None
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "length": place.length,
    }
