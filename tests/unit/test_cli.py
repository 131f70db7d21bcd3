"""The frame of the command line: help, version, exit codes, and what loads when."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from kpilayer.cli.main import COMMANDS, cli
from kpilayer.errors import ConfigError, DefinitionError, Issue, QueryError, WarehouseError

HEAVY = {"sqlglot", "pydantic", "duckdb", "jinja2", "rich", "yaml", "pyarrow"}


def run(*args: str, env: dict[str, str | None] | None = None) -> Result:
    result = CliRunner().invoke(cli, args, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def process(
    *args: str,
    env: dict[str, str] | None = None,
    python: str = "from kpilayer.cli.main import main",
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    code = f"import sys; {python}; main({list(args)!r})"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, **(env or {})},
    )


@pytest.fixture
def load_raises(monkeypatch: pytest.MonkeyPatch):
    """Makes `Project.load` raise an error."""

    def arrange(error: BaseException) -> None:
        module = types.ModuleType("kpilayer.project")

        class Project:
            @staticmethod
            def load(*_args: object, **_values: object) -> None:
                raise error

        module.Project = Project  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "kpilayer.project", module)

    return arrange


# ------------------------------------------------------------------------------------------- help


def test_help_lists_every_command_by_family() -> None:
    text = run("--help").stdout
    for name, entry in COMMANDS.items():
        assert f"  {name}" in text
        assert entry.summary in text
        assert f"{entry.family}:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_shows_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    examples = result.stdout.partition("\nExamples:\n")[2]
    assert f"  kpilayer {name}" in examples


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_the_summary_of_the_list(name: str) -> None:
    assert COMMANDS[name].summary in run(name, "--help").stdout


@pytest.mark.parametrize("args", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_short_flag_for_help_prints_the_same(args: tuple[str, ...]) -> None:
    assert run(*args, "-h").stdout == run(*args, "--help").stdout


@pytest.mark.parametrize("args", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_names_the_environment_variables(args: tuple[str, ...]) -> None:
    text = run(*args, "--help").stdout
    for flag in ("PROJECT_DIR", "PROFILES_DIR", "PROFILE", "TARGET", "VARS", "NO_PROGRESS"):
        assert f"[KPILAYER_{flag}]" in text


@pytest.mark.parametrize("args", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_speaks_plainly(args: tuple[str, ...]) -> None:
    words = set(run(*args, "--help").stdout.lower().replace(",", " ").split())
    assert not words & {"you", "your", "please", "simply"}


@pytest.mark.parametrize(
    "args",
    [("--help",), ("--version",), *((name, "--help") for name in COMMANDS), ("explain", "cycle")],
    ids=" ".join,
)
def test_help_loads_no_heavy_library(args: tuple[str, ...]) -> None:
    report = "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    done = process(*args, python=f"{report}; from kpilayer.cli.main import main")
    assert done.returncode == 0
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("words", ["kpilayer ", "kpilayer query --"])
def test_completion_loads_no_heavy_library(words: str) -> None:
    report = "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    done = process(
        python=f"{report}; from kpilayer.cli.main import main",
        env={
            "_KPILAYER_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
    )
    assert "plain,query" in done.stdout or "plain,--metrics" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_version_is_printed() -> None:
    assert run("--version").stdout.startswith("kpilayer ")


# ------------------------------------------------------------------------------------- exit codes


def test_nothing_to_do_shows_help_and_exits_2() -> None:
    result = run()
    assert result.exit_code == 2
    assert "Usage: kpilayer" in result.stderr


def test_unknown_command_exits_2_and_names_the_nearest() -> None:
    result = run("qurey")
    assert result.exit_code == 2
    assert "there is no command `qurey`; did you mean `query`?" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_flag_exits_2(name: str) -> None:
    assert run(name, "--no-such-flag").exit_code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError, 2), (DefinitionError, 2), (QueryError, 2), (WarehouseError, 3)],
)
@pytest.mark.parametrize("name", ["check", "list", "compile", "query", "debug", "lock"])
def test_errors_show_their_issues_and_become_exit_codes(name, error, code, load_raises) -> None:
    load_raises(error(Issue("query-failed", "the reason", hint="the way out")))
    result = run(name)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == "error[query-failed]: the reason\n  = help: the way out\n"


def test_every_issue_of_an_error_is_shown(load_raises) -> None:
    load_raises(QueryError([Issue("no-metrics", "one"), Issue("bad-limit", "two")]))
    assert run("query").stderr.splitlines() == [
        "error[no-metrics]: one",
        "error[bad-limit]: two",
    ]


def test_failure_as_json_is_an_envelope_too(load_raises) -> None:
    load_raises(WarehouseError(Issue("connection-failed", "no route")))
    result = run("query", "-f", "json")
    assert result.exit_code == 3
    envelope = json.loads(result.stdout)
    assert envelope["schema"] == "kpilayer/query@1"
    assert (envelope["ok"], envelope["results"]) == (False, [])
    assert envelope["summary"]["exit_code"] == 3
    assert envelope["summary"]["issues"][0]["code"] == "connection-failed"


def test_fault_of_ours_exits_70_and_says_how_to_report_it(load_raises) -> None:
    load_raises(KeyError("oops"))
    result = run("check", env={"KPILAYER_DEBUG": None})
    assert result.exit_code == 70
    assert "internal error: KeyError: 'oops'" in result.stderr
    assert "Please report it" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (("check", "-v", "-v"), {}),
        (("-v", "check", "-v"), {}),
        (("-vv", "check"), {}),
        (("check",), {"KPILAYER_DEBUG": "1"}),
    ],
)
def test_traceback_is_shown_on_request(args, env, load_raises) -> None:
    load_raises(KeyError("oops"))
    result = run(*args, env=env)
    assert result.exit_code == 70
    assert "Traceback (most recent call last)" in result.stderr


def test_one_v_shows_no_traceback(load_raises) -> None:
    load_raises(KeyError("oops"))
    assert "Traceback" not in run("check", "-v", env={"KPILAYER_DEBUG": "0"}).stderr


def test_interruption_exits_130(load_raises) -> None:
    load_raises(KeyboardInterrupt())
    result = run("check")
    assert (result.exit_code, result.stderr.strip()) == (130, "interrupted")


def test_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "kpilayer", "explain"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 0


def in_shell(line: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A line of shell in which `kpilayer` is the command line, in the example project."""
    return subprocess.run(
        ["bash", "-c", f'kpilayer() {{ "{sys.executable}" -m kpilayer "$@"; }}; {line}'],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder or Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("kpilayer --help >/dev/full", 2, "No space left on device"),
        ("kpilayer explain >/dev/full", 2, "No space left on device"),
        ("kpilayer explain -o /dev/full", 2, "`/dev/full` cannot be written: No space left"),
        ("kpilayer explain >&-", 2, "the output cannot be written: Bad file descriptor"),
        ("kpilayer --help >&-", 2, "the output cannot be written: Bad file descriptor"),
        ("kpilayer explain --help >&-", 2, "the output cannot be written: Bad file descriptor"),
        ("kpilayer explain 2>&-", 0, ""),
        ("kpilayer explain nothing 2>&-", 2, ""),
        ("kpilayer explain nothing 2>/dev/full", 2, ""),
        ("kpilayer -C /nowhere check 2>/dev/full", 2, ""),
        ("kpilayer -C /nowhere check -f json >/dev/full", 2, "error[no-project]"),
        ("kpilayer explain >&- 2>&- <&-", 2, ""),
        ("kpilayer --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("kpilayer explain --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("kpilayer -C /no check -f json 2>&- | true; exit ${PIPESTATUS[0]}", 2, ""),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_stream_that_cannot_be_written_is_no_fault_of_ours(line, code, said) -> None:
    done = in_shell(line)
    assert done.returncode == code, done.stderr
    assert said in done.stderr if said else done.stderr == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["check", "list", "compile", "query", "debug", "lock"])
def test_file_that_the_system_refuses_exits_2(name: str, load_raises) -> None:
    load_raises(PermissionError(errno.EACCES, "Permission denied", "/x/kpilayer.lock"))
    result = run(name)
    assert result.exit_code == 2
    assert result.stderr == (
        "error[unreadable-file]: `/x/kpilayer.lock` cannot be read or written: Permission denied\n"
    )


def test_file_that_the_system_refuses_is_an_envelope_as_json(load_raises) -> None:
    load_raises(IsADirectoryError(errno.EISDIR, "Is a directory", "kpilayer.lock"))
    summary = json.loads(run("check", "-f", "json").stdout)["summary"]
    assert summary["issues"][0]["code"] == "unreadable-file"


def test_folder_that_is_gone_exits_2(tmp_path: Path) -> None:
    done = in_shell("mkdir gone; cd gone; rmdir ../gone; kpilayer check", tmp_path)
    assert done.returncode == 2
    assert "error[unreadable-file]: the current folder is gone" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["click", "kpilayer.cli.options", "kpilayer.project"])
def test_interruption_of_an_import_is_quiet(module: str) -> None:
    finder = f"""
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from kpilayer.cli.main import main
"""
    code = f"import sys{finder}main(['check'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert done.stderr.strip() in ("", "interrupted")


def test_data_are_utf8_in_every_locale() -> None:
    done = process("explain", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert "─" in done.stdout


def test_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kpilayer", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0
    assert done.stdout.startswith("kpilayer ")


def test_every_entry_of_the_table_is_a_command() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        found = cli.get_command(context, name)
        assert found is not None
        assert found.name == name


# ---------------------------------------------------------------------------------------- explain


def test_explain_says_what_why_and_instead() -> None:
    text = run("explain", "fan-out-join").stdout
    assert text.startswith("fan-out-join: A dimension is reached only by joining from one row")
    assert "\n\nWhy: Groups would overlap" in text
    assert "\n\nInstead: Use a dimension" in text


def test_explain_without_a_code_lists_all() -> None:
    from kpilayer.codes import CODES

    text = run("explain").stdout
    assert all(code in text for code in CODES)


def test_explain_of_an_unknown_code_exits_2_and_names_the_nearest() -> None:
    result = run("explain", "fanout-join")
    assert result.exit_code == 2
    assert "did you mean `fan-out-join`?" in result.stderr
