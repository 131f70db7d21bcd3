"""The example project as files: found in a wheel or a checkout, copied, and given its data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kpilayer.demo.data import build
from kpilayer.errors import ConfigError, Issue, listing

PARTS: Final = ("kpilayer.yml", "kpilayer.lock", "models", "metrics", "macros")
DATABASE: Final = Path(".kpilayer", "acme.duckdb")

TOUR: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "How does recurring revenue grow?",
        ("-m", "new_mrr,churned_mrr,net_new_mrr,quick_ratio", "-g", "metric_time__quarter"),
    ),
    (
        "Who brings the revenue of 2026? A ratio is computed per group, never averaged.",
        (
            *("-m", "invoiced_revenue,services_share", "-g", "account__segment"),
            *("--start", "2026-01-01", "--order-by", "-invoiced_revenue"),
        ),
    ),
    (
        "What does a new customer cost? Two tables, each added up before they meet.",
        (
            *("-m", "marketing_spend,new_customers,cac", "-g", "metric_time__month"),
            *("--start", "2026-01-01"),
        ),
    ),
    (
        "Which regions buy software? The region is two joins away from the invoice.",
        (
            *("-m", "software_revenue", "-g", "account__region__name"),
            *("--order-by", "-software_revenue", "--limit", "5"),
        ),
    ),
)
"""Questions that show the example: what is asked, and the arguments of ``kpilayer query``."""


def source() -> Path:
    """Where the example project stands: inside the installed package, or at the root of a checkout.

    Raises ConfigError where it is in neither place.
    """
    packaged = Path(__file__).parent / "project"
    checkout = Path(__file__).parents[2]
    for folder in (packaged, checkout):
        if (folder / "kpilayer.yml").is_file():
            return folder
    message = f"the example project is missing: neither `{packaged}` nor `{checkout}` has it"
    raise ConfigError(Issue("no-project", message, hint="install kpilayer again"))


def copy(to: Path) -> tuple[Path, ...]:
    """The files of the example, copied into a folder: what was new there, relative to it.

    Nothing is copied onto itself, or again where an earlier copy is unchanged. Any other file in
    the way raises ConfigError before anything is written.
    """
    home, to = source(), to.resolve()
    if to == home.resolve():
        return ()
    wanted = [
        file.relative_to(home)
        for part in PARTS
        for file in sorted([home / part, *(home / part).rglob("*")])
        if file.is_file() and "__pycache__" not in file.parts
    ]
    existing = [file for file in wanted if (to / file).exists()]
    changed = [f for f in existing if (to / f).read_bytes() != (home / f).read_bytes()]
    stranger = not existing and to.exists() and (not to.is_dir() or any(to.iterdir()))
    if changed or stranger:
        what = f"has changed {listing([f.as_posix() for f in changed])}" if changed else "is in use"
        message = f"`{to}` {what}; the example would be mixed up with it"
        raise ConfigError(
            Issue("folder-not-empty", message, hint="name another folder: `kpilayer demo DIR`")
        )
    new = [file for file in wanted if file not in existing]
    for file in new:
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home / file, to / file)
    return tuple(new)


def build_database(
    project: Path, scale: float, progress: Callable[[str], None] | None = None
) -> dict[str, int]:
    """Rows per table of the example's database, built anew under ``.kpilayer``.

    It is built beside and then renamed, so that an interruption leaves the old one in place.
    """
    import duckdb

    database = project / DATABASE
    database.parent.mkdir(parents=True, exist_ok=True)
    beside = database.with_name(f"{database.stem}.part.duckdb")
    log = beside.with_name(f"{beside.name}.wal")
    for leftover in (beside, log):
        leftover.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(beside)) as connection:
            rows = build(connection, scale, progress)
        beside.replace(database)
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            Issue("unreadable-file", f"`{database}` cannot be written: {reason}")
        ) from error
    finally:
        for leftover in (beside, log):
            leftover.unlink(missing_ok=True)
    return rows
