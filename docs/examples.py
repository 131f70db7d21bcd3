"""Runs the examples of Markdown pages, so that what a page shows is what the reader will see.

    python docs/examples.py README.md docs/guide.md            check
    python docs/examples.py --update README.md                 rewrite outputs that differ

A page says where its examples run: `<!-- examples: demo -->` is a copy of the example project with
its data, `<!-- examples: empty -->` an empty folder. Blocks run in order, and share files:

=========  ========================================================================================
console    `$ command`, and below it what it prints on stdout and stderr together. A line `...`
           stands for any number of lines. A command that would install something is not run.
diff       is applied to the project
python     runs in the folder; with `>>>`, what it prints must be what stands below
yaml ..    a first line `# models/x.yml` writes that file, `# from models/x.yml` quotes a part of it
=========  ========================================================================================

Other blocks are only shown.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"<!-- examples: (demo|empty) -->")
_TITLE = re.compile(r"\A(?:#|--|\{#) (from )?([\w./-]+\.[\w.]+|profiles\.yml)(?: #\})?\n")
_NOT_RUN = re.compile(r"^(make|git clone|pip install|python3? -m (pip|venv)|source|createdb)\b")
CUT = "..."


class Different(AssertionError):
    """A page shows something else than what happens."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line where the text begins."""

    language: str
    text: str
    line: int
    start: int
    end: int


@dataclass
class Shell:
    """The reader's folder while a page is read from top to bottom."""

    folder: Path
    names: dict[str, object] = field(default_factory=dict)
    last: int = 0

    def run(self, command: str) -> str:
        """What a command prints; `cd` and `$?` are remembered from one command to the next."""
        if command.startswith("cd "):
            self.folder = (self.folder / command[3:].strip()).resolve()
            return ""
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.last}); {command}"],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.last = done.returncode
        return done.stdout.decode("utf-8")


def _environment() -> dict[str, str]:
    """The reader's terminal: tables as on a terminal, no colours, no settings of ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KPILAYER_", "DBT_", "PG"))}
    kept |= {"PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}", "NO_COLOR": "1"}
    return kept | {"KPILAYER_FORMAT": "table", "LC_ALL": "C.UTF-8", "HOME": tempfile.gettempdir()}


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(m[1], m[2], text.count("\n", 0, m.start(2)) + 1, m.start(2), m.end(2))
        for m in _FENCE.finditer(text)
    ]


def starts_in(text: str) -> str | None:
    """Where the examples of a page run: `demo`, `empty`, or None without examples."""
    found = _PLACE.search(text)
    return found[1] if found else None


def build_demo(folder: Path) -> Path:
    """The example project with its data, as `kpilayer demo` makes it, in git as in a clone."""
    who = ["-c", "user.name=Team", "-c", "user.email=team@example.com"]
    commands = (
        [BIN / "kpilayer", "demo", folder],
        ["git", "-C", folder, "init", "-q", "-b", "main"],
        ["git", "-C", folder, "add", "--", "*.yml", "*.lock", "*.sql", "*.jinja"],
        ["git", "-C", folder, *who, "commit", "-qm", "Definitions"],
    )
    for command in commands:
        subprocess.run(command, env=_environment(), check=True, capture_output=True)
    return folder


def run(path: Path, folder: Path) -> str:
    """The page with the outputs that its commands have now.

    Raises:
        Different: a block that cannot be brought up to date differs.
    """
    text = path.read_text(encoding="utf-8")
    shell = Shell(folder)
    pieces, done = [], 0
    for block in blocks(text):
        pieces.append(text[done : block.start])
        try:
            pieces.append(_run_block(block, shell))
        except Different as error:
            raise Different(f"{path.name}:{block.line}: {error}") from None
        done = block.end
    return "".join(pieces) + text[done:]


def _run_block(block: Block, shell: Shell) -> str:
    match block.language:
        case "console":
            return "".join(_run_commands(block.text, shell))
        case "python":
            return _run_python(block, shell)
        case "diff":
            _apply(block.text, shell)
        case _:
            _write(block.text, shell)
    return block.text


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with what is shown below it."""
    for piece in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
        if piece:
            line, _, output = piece.partition("\n")
            while line.endswith("\\"):
                more, _, output = output.partition("\n")
                line += "\n" + more
            assert line.startswith("$ "), f"a console block begins with `$ `: {line}"
            yield line[2:], output


def is_run(command: str) -> bool:
    """Whether a command is executed here; those that install or set up are not."""
    return not _NOT_RUN.match(command)


def _run_commands(text: str, shell: Shell) -> Iterator[str]:
    for command, shown in commands(text):
        yield f"$ {command}\n"
        if not is_run(command):
            yield shown
            continue
        printed = shell.run(command)
        # An empty line between two commands is for the eye.
        gap = "\n" if shown.endswith("\n\n") or shown == "\n" else ""
        printed = printed.rstrip("\n") + "\n" if printed.strip() else ""
        yield shown if _matches(shown, printed) else printed + gap


def _matches(shown: str, printed: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"^\.\.\.$", shown.strip("\n"), flags=re.M)]
    return re.fullmatch(r"[\s\S]*?".join(parts), printed.strip("\n")) is not None


class _Recorder(doctest.DocTestRunner):
    """Puts what is printed in the place of what was expected."""

    def report_failure(
        self, out: object, test: doctest.DocTest, example: doctest.Example, got: str
    ) -> None:
        example.want = got

    def report_unexpected_exception(
        self, out: object, test: doctest.DocTest, example: doctest.Example, exc_info: object
    ) -> None:
        assert isinstance(exc_info, tuple), "an exception has a type, a value and a traceback"
        raise Different(f"`{example.source.strip()}` fails: {exc_info[1]!r}")


def _run_python(block: Block, shell: Shell) -> str:
    with contextlib.chdir(shell.folder):
        if ">>>" not in block.text:
            exec(compile(block.text, "<example>", "exec"), shell.names)
            return block.text
        parser = doctest.DocTestParser()
        test = parser.get_doctest(block.text, shell.names, "example", None, 0)
        flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        _Recorder(optionflags=flags, verbose=False).run(test, clear_globs=False)
        shell.names.update(test.globs)
    examples = iter(test.examples)
    pieces = parser.parse(block.text)
    return "".join(p if isinstance(p, str) else _spelled(next(examples)) for p in pieces)


def _spelled(example: doctest.Example) -> str:
    """An example as a page shows it."""
    lines = example.source.splitlines()
    prompts = [f"{'...' if n else '>>>'} {line}".rstrip() for n, line in enumerate(lines)]
    return "\n".join(prompts) + "\n" + example.want


def _apply(patch: str, shell: Shell) -> None:
    done = subprocess.run(
        ["git", "apply", "--recount", "--unidiff-zero", "-"],
        cwd=shell.folder,
        input=patch.encode(),
        capture_output=True,
        check=False,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(shell.folder.parent)},
    )
    if done.returncode:
        raise Different(f"the diff does not apply: {done.stderr.decode()}")


def _write(text: str, shell: Shell) -> None:
    title = _TITLE.match(text)
    if title is None:
        return
    body, path = text[title.end() :], shell.folder / title[2]
    if not title[1]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
        return
    whole = path.read_text(encoding="utf-8")
    if textwrap.dedent(body).strip() not in textwrap.dedent(whole) and body not in whole:
        raise Different(f"this is not a part of {title[2]}")


def difference(path: Path, new: str) -> str:
    """The lines that are not as the page shows them."""
    import difflib

    old = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(difflib.unified_diff(old, new.splitlines(), "shown", "printed", lineterm=""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks or updates pages."""
    parser = argparse.ArgumentParser(description="Run the examples of Markdown pages.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--update", action="store_true", help="rewrite outputs that differ")
    asked = parser.parse_args(arguments)
    stale = 0
    for page in asked.pages:
        place = starts_in(page.read_text(encoding="utf-8"))
        if place is None:
            continue
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made).resolve() / "project"
            new = run(page, build_demo(folder) if place == "demo" else _made(folder))
        found = difference(page, new)
        if found and asked.update:
            page.write_text(new, encoding="utf-8")
        elif found:
            sys.stderr.write(found + "\n")
        stale += bool(found)
    return 1 if stale and not asked.update else 0


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
