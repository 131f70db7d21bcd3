"""A project as it is at a git reference, in a folder of its own; the checkout stays as it is.

Files are read as they are stored: no hook, no filter and no line-ending rule runs. Only what
projects are made of is read; links are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from kpilayer.errors import ConfigError, Issue, did_you_mean
from kpilayer.load.lock_file import LOCK_FILE

_OURS: Final = (".yml", ".yaml", ".sql", ".jinja", ".md", "manifest.json", LOCK_FILE)
_SECONDS: Final = 120
#: Where hooks of git point commands to; the project's own folder is what counts here.
_POINTERS: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A project's files at a commit; ``submodules`` are relative to ``folder``, and not in it."""

    folder: Path
    submodules: tuple[str, ...]
    commit: str


@contextmanager
def project_at(
    root: Path, ref: str, *, around: Path | None = None, generated: Iterable[str] = ()
) -> Iterator[Extracted]:
    """A folder with the text files of the project in ``root`` as they are at ``ref``.

    ``around`` is a folder that it also reads, wherever that is in the repository. Of ``generated``
    files, which commits seldom hold, those that are missing are taken from ``root``.

    Raises:
        ConfigError: there is no git, no repository or no such reference, or git fails.
    """
    commit = _commit(root, ref)
    whole = Path(os.path.commonpath([root, around or root]))
    listing = _git(whole, "ls-tree", "-r", "-z", commit)
    blobs = dict(_listed(listing))
    with tempfile.TemporaryDirectory(prefix="kpilayer-") as name:
        top = Path(name).resolve()
        for path, text in _contents(whole, blobs).items():
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        folder = top / root.relative_to(whole)
        for path in generated:
            file = (folder / path).resolve()
            if file.is_relative_to(top) and not file.exists() and (root / path).is_file():
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / path, file)
        submodules = (os.path.relpath(top / path, folder) for path in _submodules(listing))
        yield Extracted(folder, tuple(Path(path).as_posix() for path in submodules), commit)


def _commit(root: Path, ref: str) -> str:
    """The commit that a reference names."""
    _git(root, "rev-parse", "--is-inside-work-tree")
    name = ref.strip()
    if name and not name.startswith("-") and name.isprintable():
        found = _run(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if found.returncode == 0:
            return found.stdout.decode().strip()
    known = _git(root, "for-each-ref", "--format=%(refname:short)").decode(errors="replace")
    unborn = _run(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0
    if unborn and (name == "HEAD" or not known):
        message = "there is no commit yet to compare with"
        other = "commit once, or compare with a folder"
        raise ConfigError(Issue("bad-value", message, None, other))
    hint = did_you_mean(name, known.splitlines()) if name else "write `git:main`"
    shallow = "a shallow clone lacks older commits and other branches: `git fetch` it first"
    message = f"there is no git reference `{name}`" if name else "`git:` names no reference"
    raise ConfigError(Issue("bad-value", message, None, hint or shallow))


def _listed(listing: bytes) -> Iterator[tuple[str, str]]:
    """Path and object of the regular files that a project may read."""
    for entry in listing.split(b"\0"):
        about, _, raw = entry.partition(b"\t")
        path = os.fsdecode(raw)
        parts = PurePosixPath(path).parts
        is_inside = not path.startswith("/") and ".." not in parts and ".git" not in parts
        if about.startswith(b"100") and path.endswith(_OURS) and is_inside:
            yield path, about.split(b" ")[2].decode()


def _submodules(listing: bytes) -> Iterator[str]:
    """Where other repositories belong, of which this one knows only a commit."""
    for entry in listing.split(b"\0"):
        about, _, raw = entry.partition(b"\t")
        if about.startswith(b"160000"):
            yield os.fsdecode(raw)


def _contents(root: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of each file, all read by one process."""
    asked = "".join(f"{blob}\n" for blob in blobs.values())
    answer = _git(root, "cat-file", "--batch", given=asked.encode())
    found: dict[str, bytes] = {}
    at = 0
    for path in blobs:
        line = answer.index(b"\n", at)
        head = answer[at:line].split(b" ")
        if head[1] != b"blob":
            message = f"git does not have the contents of `{path}`"
            raise ConfigError(Issue("unreadable-file", message, None, "`git fetch` them first"))
        at = line + 1 + int(head[2])
        found[path] = answer[line + 1 : at]
        at += 1
    return found


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = _run(root, *arguments, given=given)
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
    if "not a git repository" in said[0]:
        message = f"`{root}` is not in a git repository"
        hint = "compare with a folder instead"
        raise ConfigError(Issue("bad-value", message, None, hint))
    raise ConfigError(Issue("unreadable-file", f"git cannot read `{root}`: {said[0]}"))


def _run(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("git")
    if program is None:
        message = "`git:` needs the program git, which is not installed"
        raise ConfigError(Issue("bad-value", message, None, "compare with a folder instead"))
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        return subprocess.run(
            [program, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", *arguments],
            cwd=root,
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={k: v for k, v in os.environ.items() if k not in _POINTERS}
            | quiet
            | {"LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        message = f"git gave no answer within {_SECONDS} seconds"
        raise ConfigError(Issue("unreadable-file", message)) from error


# ------------------------------------------------------------------------------- what is compared


def default_branch(root: Path) -> str:
    """What a review compares with: the main branch, as the remote has it if there is one.

    Raises:
        ConfigError: there is no git, no repository or no commit.
    """
    _commit(root, "HEAD")
    for name in ("origin/HEAD", "main", "master"):
        if is_reference(root, name):
            return name
    return "HEAD"


def merge_base(root: Path, one: str, other: str) -> str:
    """The newest commit that both lines of work have.

    Raises:
        ConfigError: one of them is no commit, or they have none in common.
    """
    commits = _commit(root, one), _commit(root, other)
    found = _run(root, "merge-base", *commits)
    if found.returncode != 0:
        message = f"`{one}` and `{other}` have no commit in common"
        hint = "a shallow clone lacks older commits: `git fetch --unshallow`"
        raise ConfigError(Issue("bad-value", message, None, hint))
    return found.stdout.decode().strip()


def is_reference(root: Path, name: str) -> bool:
    """Whether git knows a commit by this name."""
    if not name or name.startswith("-") or not name.isprintable():
        return False
    found = _run(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return found.returncode == 0


def head_commit(root: Path) -> str:
    """The commit that is checked out; empty without git."""
    try:
        return _commit(root, "HEAD")
    except ConfigError:
        return ""


# ------------------------------------------------------------------------------------------ history


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: who wrote it when, its first line, and who is said to have approved it."""

    id: str
    at: datetime
    author: str
    subject: str
    approved_by: tuple[str, ...] = ()


#: What people write below a commit's message to say who agreed.
_APPROVALS: Final = ("Approved-by", "Reviewed-by", "Acked-by")
#: Between NULs, which no commit's text can hold.
_FIELDS: Final = "%H%x00%cI%x00%an%x00%s%x00%(trailers:valueonly,separator=%x1d"


def commits(root: Path, until: str = "HEAD", since: str | None = None) -> tuple[Commit, ...]:
    """The commits of the first-parent line that touched the project's folder, oldest first.

    Those after the commit or reference ``since`` only, if it is given.

    Raises:
        ConfigError: there is no git, no repository or no such reference.
    """
    last = _commit(root, until)
    span = last if since is None else f"{_commit(root, since)}..{last}"
    keys = "".join(f",key={key}" for key in _APPROVALS)
    told = _git(
        root,
        "log",
        "-z",
        "--first-parent",
        "--reverse",
        f"--format={_FIELDS}{keys})%x00",
        span,
        "--",
        ".",
    ).decode(errors="replace")
    found = []
    parts = told.split("\0")
    for start in range(0, len(parts) - 5, 6):  # five fields, and what `-z` puts between commits
        name, at, author, subject, approvals = parts[start : start + 5]
        people = tuple(dict.fromkeys(p.strip() for p in approvals.split("\x1d") if p.strip()))
        found.append(Commit(name.strip(), datetime.fromisoformat(at), author, subject, people))
    return tuple(found)


def is_shallow(root: Path) -> bool:
    """Whether the clone lacks older commits."""
    return _run(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def prefix(root: Path) -> str:
    """The folder of the project in its repository, `analytics/`; empty at the top or without git.

    >>> prefix(Path("/"))
    ''
    """
    try:
        found = _run(root, "rev-parse", "--show-prefix")
    except ConfigError:
        return ""
    return found.stdout.decode(errors="replace").strip() if found.returncode == 0 else ""
