"""SQL as Microsoft's own libraries read it: a JSON question on stdin, the answer on stdout.

``python tsql.py FOLDER`` reads ``{"tables": [..], "statements": [..]}``: DDL, and queries. It answers
with ``functions``, by name the fewest and most arguments that SQL Server's own take, and for each of
the ``statements`` with ``errors`` (ScriptDom, grammar of SQL Server 2019), ``calls`` (functions, as
name and number of arguments) and ``unresolved`` (DacFx, bound to the tables).

The libraries need .NET Core, which is started inside of this process; pythonnet makes modules of
them. So this is a program of its own: what it loads would stay in a process of tests.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

_PARSER = "Microsoft.SqlServer.SqlParser"


def start(folder: Path) -> Any:
    """pythonnet's module ``clr``, on the .NET Core of the folder."""
    dotnet = folder / "dotnet"
    for name in ("libcrypto", "libssl"):  # found by its name from now on
        ctypes.CDLL(str(folder / f"{name}.so.1.1"), mode=ctypes.RTLD_GLOBAL)
    os.environ["CLR_OPENSSL_VERSION_OVERRIDE"] = "1.1"
    icu = sorted(Path("/usr/lib").glob("**/libicuuc.so.[0-9]*.[0-9]*"))
    if icu:  # newer than the versions it looks for
        os.environ["CLR_ICU_VERSION_OVERRIDE"] = icu[-1].name.removeprefix("libicuuc.so.")
    runtime = ctypes.CDLL(str(dotnet / "libcoreclr.so"))
    settings = {
        "TRUSTED_PLATFORM_ASSEMBLIES": ":".join(map(str, dotnet.glob("*.dll"))),
        "APP_PATHS": str(dotnet),
        "NATIVE_DLL_SEARCH_DIRECTORIES": f"{dotnet}/",
    }
    texts = ctypes.c_char_p * len(settings)
    keys, values = (texts(*map(str.encode, of)) for of in (settings.keys(), settings.values()))
    host, domain, loader = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_void_p()
    failed = runtime.coreclr_initialize(
        *(str(dotnet).encode(), b"tests", len(settings), keys, values),
        *(ctypes.byref(host), ctypes.byref(domain)),
    ) or runtime.coreclr_create_delegate(
        *(host, domain, b"Python.Runtime", b"Python.Runtime.Loader", b"Initialize"),
        ctypes.byref(loader),
    )
    if failed:
        raise OSError(f".NET does not start: {failed & 0xFFFFFFFF:#x}")
    ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int)(loader.value or 0)(b"", 0)
    import clr

    return clr


def functions(dotnet: Path) -> dict[str, tuple[int, int | None]]:
    """SQL Server's functions as its editor knows them."""
    from System.Reflection import Assembly, BindingFlags

    every = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static
    known = Assembly.LoadFrom(str(dotnet / f"{_PARSER}.dll")).GetType(
        "Microsoft.SqlServer.Management.SqlParser.MetadataProvider.Internals.BuiltInFunctionLookup"
    )
    found = known.GetProperty("Instance", every).GetValue(None).BuiltInFunctions
    return {
        f.Name.lower(): (f.MinNumberOfArgs, None if f.IsVarArg else f.MaxNumberOfArgs)
        for f in found
    }


def parsed(statements: list[str]) -> list[dict[str, Any]]:
    """Errors and calls of each statement."""
    from Microsoft.SqlServer.TransactSql.ScriptDom import TSql150Parser, TSqlTokenType
    from System.IO import StringReader

    parser, answers = TSql150Parser(True), []
    space = (TSqlTokenType.WhiteSpace, TSqlTokenType.SingleLineComment)
    for sql in statements:
        tree, errors = parser.Parse(StringReader(sql), None)
        said = [f"{e.Line}:{e.Column} {e.Message}" for e in errors]
        tokens = [] if said else [t for t in tree.ScriptTokenStream if t.TokenType not in space]
        names = [t.TokenType == TSqlTokenType.Identifier for t in tokens]
        answers.append({"errors": said, "calls": _calls([t.Text for t in tokens], names)})
    return answers


def _calls(words: list[str], names: list[bool]) -> list[tuple[str, int]]:
    """Names before a parenthesis, other than types (behind AS), and how many arguments are in it."""
    found = []
    for n, (name, word, after) in enumerate(zip(names, words, words[1:], strict=False)):
        if not name or after != "(" or words[n - 1].upper() == "AS":
            continue
        depth, count = 0, int(words[n + 2] != ")")
        for later in words[n + 1 :]:
            depth += {"(": 1, ")": -1}.get(later, 0)
            count += later == "," and depth == 1
            if depth == 0:
                break
        found.append((word.lower(), count))
    return found


def unresolved(tables: list[str], queries: dict[int, str]) -> dict[int, list[str]]:
    """What is not found by the binder, by the key of a query; each is made a view."""
    from Microsoft.SqlServer.Dac.Model import SqlServerVersion, TSqlModel, TSqlModelOptions

    model = TSqlModel(SqlServerVersion.Sql150, TSqlModelOptions())
    for ddl in tables:
        model.AddObjects(ddl)
    for key, sql in queries.items():
        model.AddObjects(f"CREATE VIEW main.query_{key} AS\n{_of_a_view(sql)}")
    found: dict[int, list[str]] = {}
    for message in model.Validate():
        key = re.search(r"\[query_(\d+)\]", message.Message)
        if key is None:  # of a part; its view is told of, too
            continue
        found.setdefault(int(key[1]), []).append(message.Message)
    return found


def _of_a_view(sql: str) -> str:
    """A query that a view may have: it is ordered only where it takes some rows."""
    is_ordered = re.search(r"^ORDER BY$|^ORDER BY ", sql, re.MULTILINE)
    return f"{sql}\nOFFSET 0 ROWS" if is_ordered and "\nOFFSET " not in sql else sql


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    asked = json.load(sys.stdin)
    clr = start(folder)
    for name in ("TransactSql.ScriptDom", "Dac.Extensions"):
        clr.AddReference(f"Microsoft.SqlServer.{name}")
    answers = parsed(asked["statements"])
    whole = {
        n: sql
        for n, (sql, answer) in enumerate(zip(asked["statements"], answers, strict=True))
        if not answer["errors"]
    }
    lost = unresolved(asked["tables"], whole) if asked["tables"] else {}
    for n, answer in enumerate(answers):
        answer["unresolved"] = lost.get(n, [])
    json.dump({"functions": functions(folder / "dotnet"), "statements": answers}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # .NET has threads of its own


if __name__ == "__main__":
    main()
