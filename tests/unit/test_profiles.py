"""profiles.yml: where it is found, what it may say, and that its secrets stay in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kpilayer.errors import ConfigError
from kpilayer.load.profile_text import render
from kpilayer.warehouse.profiles import Target, find_target
from kpilayer.warehouse.redact import hide_in_text, scrub

SHOP = """\
shop:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: dev.duckdb
    prod:
      type: postgres
      host: "{{ env_var('PGHOST', 'db.example') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: ann
      password: "{{ env_var('PGPASS') }}"
      dbname: shop
      schema: marts
"""


def find(
    folder: Path,
    *,
    profile: str | None = "shop",
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    profile_flag: str | None = None,
    target_flag: str | None = None,
    profiles_dir: Path | None = None,
    variables: Mapping[str, object] | None = None,
) -> Target:
    if text is not None:
        (folder / "profiles.yml").write_text(text, encoding="utf-8")
    return find_target(
        project_dir=folder,
        project_name="shop_kpis",
        profile=profile,
        profile_flag=profile_flag,
        target_flag=target_flag,
        profiles_dir=profiles_dir,
        variables=variables or {},
        environ={"HOME": str(folder / "home"), **(environ or {})},
    )


def problem(folder: Path, text: str | None, **options: object) -> str:
    with pytest.raises(ConfigError) as raised:
        find(folder, text=text, **options)  # type: ignore[arg-type]
    return str(raised.value)


def write(folder: Path, kind: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = f"shop: {{target: t, outputs: {{t: {{type: {kind}}}}}}}\n"
    (folder / "profiles.yml").write_text(text, encoding="utf-8")
    return folder


# ---------------------------------------------------------------- finding


def test_project_without_profile_runs_on_duckdb_beside_it(tmp_path: Path) -> None:
    target = find(tmp_path, profile=None)
    assert (target.profile, target.name, target.type) == ("", "default", "duckdb")
    assert (target.dialect, target.schema, target.path) == ("duckdb", "main", None)
    assert target.settings["path"] == str(tmp_path / ".kpilayer" / "shop_kpis.duckdb")
    assert target.is_default


def test_target_flag_without_profile_is_an_error(tmp_path: Path) -> None:
    said = problem(tmp_path, None, profile=None, target_flag="prod")
    assert "the target `prod` needs a profile" in said


def test_profile_names_its_target(tmp_path: Path) -> None:
    target = find(tmp_path, text=SHOP)
    assert (target.profile, target.name, target.type, target.schema) == (
        "shop", "dev", "duckdb", "main",
    )  # fmt: skip
    assert dict(target.settings) == {"path": "dev.duckdb"}
    assert target.path == tmp_path / "profiles.yml"
    assert not target.is_default


def test_flags_win_over_project_and_profile(tmp_path: Path) -> None:
    environ = {"PGPORT": "5433", "PGPASS": "hunter22"}
    target = find(
        tmp_path, text=SHOP, profile="other", profile_flag="shop", target_flag="prod",
        environ=environ,
    )  # fmt: skip
    assert (target.name, target.dialect, target.schema) == ("prod", "postgres", "marts")
    assert dict(target.settings) == {
        "host": "db.example", "port": 5433, "user": "ann", "password": "hunter22",
        "dbname": "shop", "schema": "marts",
    }  # fmt: skip


def test_other_targets_need_no_environment(tmp_path: Path) -> None:
    assert find(tmp_path, text=SHOP, environ={}).name == "dev"


def test_first_folder_with_a_file_counts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    dbt = write(home / ".dbt", "snowflake")
    assert find(tmp_path).path == dbt / "profiles.yml"
    write(home / ".kpilayer", "trino")
    assert find(tmp_path).type == "trino"
    write(tmp_path, "duckdb")
    assert find(tmp_path).type == "duckdb"
    environ = {"DBT_PROFILES_DIR": str(write(tmp_path / "d", "mysql"))}
    assert find(tmp_path, environ=environ).type == "mysql"
    environ["KPILAYER_PROFILES_DIR"] = str(write(tmp_path / "k", "sqlite"))
    assert find(tmp_path, environ=environ).type == "sqlite"
    flag = write(tmp_path / "f", "bigquery")
    assert find(tmp_path, environ=environ, profiles_dir=flag).type == "bigquery"


def test_folder_of_the_flag_is_the_only_one(tmp_path: Path) -> None:
    write(tmp_path, "duckdb")
    said = problem(tmp_path, None, profiles_dir=tmp_path / "elsewhere")
    assert f"there is no profiles.yml in `{tmp_path / 'elsewhere'}`" in said


def test_missing_file_names_the_folders_searched(tmp_path: Path) -> None:
    said = problem(tmp_path, None)
    assert said.startswith("error[bad-profile]: the profile `shop` is named, but there is no")
    assert f"`{tmp_path}`, `{tmp_path / 'home' / '.kpilayer'}`" in said


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [("sqlserver", "tsql"), ("redshift", "redshift"), ("clickhouse", "clickhouse"),
     ("databricks", "databricks"), ("spark", "spark"), ("Postgres", "postgres"),
     ("somethingnew", "somethingnew")],
)  # fmt: skip
def test_type_gives_the_dialect(tmp_path: Path, kind: str, dialect: str) -> None:
    target = find(tmp_path, text=f"shop: {{outputs: {{a: {{type: {kind}}}}}}}")
    assert (target.name, target.type, target.dialect) == ("a", kind.lower(), dialect)


def test_target_may_come_from_the_environment(tmp_path: Path) -> None:
    text = SHOP.replace("target: dev", "target: \"{{ env_var('WHERE', 'dev') }}\"")
    environ = {"WHERE": "prod", "PGPORT": "1", "PGPASS": "x"}
    assert find(tmp_path, text=text).name == "dev"
    assert find(tmp_path, text=text, environ=environ).name == "prod"


# ---------------------------------------------------------------- problems


def test_unknown_profile_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert problem(tmp_path, SHOP, profile="shopp") == (
        "profiles.yml:1:1: error[bad-profile]: there is no profile `shopp`; there is `shop`\n"
        "  = help: did you mean `shop`?"
    )


def test_unknown_target_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert problem(tmp_path, SHOP, target_flag="prd") == (
        "profiles.yml:3:3: error[bad-profile]: the profile `shop` has no target `prd`; "
        "there is `dev`, `prod`\n  = help: did you mean `prod`?"
    )


def test_unknown_default_target_is_shown_where_it_is_named(tmp_path: Path) -> None:
    said = problem(tmp_path, SHOP.replace("target: dev", "target: dve"))
    assert said.startswith("profiles.yml:2:3: error[bad-profile]: the profile `shop` has no")


def test_every_missing_variable_is_reported_at_its_value(tmp_path: Path) -> None:
    assert problem(tmp_path, SHOP, target_flag="prod") == (
        "profiles.yml:10:13: error[missing-env-var]: "
        "the environment variable `PGPORT` is not set\n"
        "  = help: set it, or give a default: `env_var('PGPORT', '..')`\n"
        "profiles.yml:12:17: error[missing-env-var]: "
        "the environment variable `PGPASS` is not set\n"
        "  = help: set it, or give a default: `env_var('PGPASS', '..')`"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop: 3", "the profile `shop` is not a mapping"),
        ("shop: {target: dev}", "the profile `shop` has no `outputs`"),
        ("shop: {outputs: [dev]}", "`outputs` of `shop` is not a mapping"),
        ("shop: {outputs: {dev: }}", "the target `dev` is not a mapping"),
        ("shop: {outputs: {dev: {path: x}}}", "the target `dev` has no `type`"),
        ("shop: {outputs: {dev: {type: duckdb, schema: 3}}}", "`schema` is text"),
        ("shop: {outputs: {a: {type: x}, b: {type: y}}}", "has no target `default`"),
        ("- shop", "profiles.yml is not a mapping of profiles"),
        ("", "profiles.yml is not a mapping of profiles"),
    ],
)
def test_wrong_shapes_are_reported(tmp_path: Path, text: str, said: str) -> None:
    assert said in problem(tmp_path, text)


def test_duplicate_keys_are_reported(tmp_path: Path) -> None:
    said = problem(tmp_path, SHOP + "      schema: other\n")
    assert "profiles.yml:15:7: error[duplicate-key]: the key `schema`" in said


# ---------------------------------------------------------------- Jinja


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ env_var('PORT') }}", "5432"),
        ("{{ env_var('PORT') | int }}", 5432),
        ("{{ env_var('PORT') | as_number }}", 5432),
        ("{{ env_var('FLAG') | as_bool }}", True),
        ("{{ env_var('LIST') | as_native }}", ["a", 1]),
        ("{{ env_var('PORT') | as_text }}", "5432"),
        ("h-{{ var('region') }}.{{ env_var('NONE', 'x') | upper }}", "h-eu.X"),
        ("{{ 'a' ~ var('region') }}", "aeu"),
        ("{% if env_var('FLAG') == 'True' %}yes{% endif %}", "yes"),
    ],
)
def test_templates_keep_the_type_of_a_single_expression(template: str, value: object) -> None:
    assert value_of(template) == (value, [])


@pytest.mark.parametrize(
    "template",
    ["{{ 9 ** 9 }}", "{{ 'a' * 9 }}", "{{ ''.__class__ }}", "{{ env_var.__globals__ }}",
     "{{ env_var('FLAG').upper() }}", "{% for x in 'ab' %}{{ x }}{% endfor %}",
     "{% set x = 1 %}{{ x }}", "{{ range(3) }}", "{{ env_var('FLAG') | int }}",
     "{{ env_var('PORT') | as_bool }}", "{{ env_var('FLAG') | nosuch }}", "{{ env_var('FLAG'",
     "{{ target.name }}", "{{ env_var() }}"],
)  # fmt: skip
def test_templates_that_compute_are_refused(template: str) -> None:
    assert value_of(template) == (None, ["bad-profile"])


def test_unknown_var_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = "shop: {outputs: {dev: {type: duckdb, path: \"{{ var('regoin') }}\"}}}"
    said = problem(tmp_path, text, variables={"region": "eu"})
    assert "error[unknown-var]: `var('regoin')` has no value" in said
    assert "did you mean `region`?" in said


def value_of(template: str) -> tuple[object, list[str]]:
    from kpilayer.errors import Location

    environ = {"PORT": "5432", "FLAG": "True", "LIST": "['a', 1]"}
    value, issues = render(
        template, Location("profiles.yml"), variables={"region": "eu"}, environ=environ
    )
    return value, [issue.code for issue in issues]


# ---------------------------------------------------------------- secrets


def test_secrets_are_in_settings_and_not_in_repr(tmp_path: Path) -> None:
    text = """\
shop:
  outputs:
    dev:
      type: postgres
      host: db
      pass: hunter22
      private_key: hunter22
      dsn: postgresql://ann:hunter22@db/shop
      url: "host=db password='hunter22' user=ann"
      secrets: [{type: s3, key_id: ABC, secret: hunter22}]
      attach: [{path: "postgres:password=hunter22 host=db"}]
      nested: {api_key: hunter22}
"""
    target = find(tmp_path, text=text)
    assert target.settings["pass"] == "hunter22"
    for shown in (repr(target), str(target), f"{target.settings}", repr([target])):
        assert "hunter22" not in shown
        assert "'host': 'db'" in shown
        assert "postgresql://ann:***@db/shop" in shown


def test_settings_given_as_a_dict_are_hidden_too() -> None:
    target = Target("p", "dev", "postgres", "postgres", None, {"password": "hunter22"}, None)
    assert "hunter22" not in repr(target.settings)


@pytest.mark.parametrize(
    "line",
    ["password: *hunter22", "password: !hunter22 x", 'password: "hunter22\\q"',
     "password: {{ hunter22 }}", "password: @hunter22", "pass: hunter22: x",
     'password: "hunter22{{ env_var() }}"', "password: \"{{ 'hunter22' | nosuch }}\"",
     "password: \"{{ env_var('X') | as_number }}\""],
)  # fmt: skip
def test_no_problem_shows_a_secret(tmp_path: Path, line: str) -> None:
    text = f"shop:\n  outputs:\n    dev:\n      type: postgres\n      {line}\n"
    with pytest.raises(ConfigError) as raised:
        find(tmp_path, text=text, environ={"X": "hunter22"})
    shown = str(raised.value) + repr(raised.value.issues)
    assert "hunter22" not in shown
    assert "profiles.yml:5:" in shown


def test_connection_strings_lose_their_passwords() -> None:
    assert hide_in_text("md:shop?motherduck_token=abc.def") == "md:shop?motherduck_token=***"
    assert hide_in_text("mysql://u:p@ss/w@h/db") == "mysql://u:***@h/db"
    settings = {"dbname": "password=a;hunter22&b port=1", "host": "x://u:hunter 22@h"}
    assert scrub("a;hunter22&b and hunter 22", settings) == "*** and ***"
    assert "hunter" not in repr(Target("p", "d", "postgres", "postgres", None, settings, None))
    assert scrub('no "hunter22" here', {"password": "hunter22"}) == 'no "***" here'
    assert scrub("a bad a", {"password": "a"}) == "*** bad ***"


def test_a_secret_variable_is_for_profiles_alone() -> None:
    from kpilayer.errors import Location

    secret = {"DBT_ENV_SECRET_TOKEN": "hunter22"}
    text = "{{ env_var('DBT_ENV_SECRET_TOKEN') }}"
    asked = {"variables": {}, "environ": secret}
    assert render(text, Location("/home/me/profiles.yml"), **asked) == ("hunter22", ())
    value, issues = render(text, Location("dbt_project.yml"), **asked)
    assert value is None
    assert [issue.code for issue in issues] == ["jinja-sandbox"]
    assert "hunter22" not in str(issues[0])
