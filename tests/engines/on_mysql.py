"""MySQL, as MariaDB is tested: where KPILAYER_TEST_MYSQL names a server, as `make nightly` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.engines import on_mariadb
from tests.engines.on_mariadb import Server

MYSQL: Final = Server(
    "MySQL",
    "KPILAYER_TEST_MYSQL",
    default="mysql://root@127.0.0.1:3399",
    collation="utf8mb4_0900_bin",
    storage="MyISAM",
    zones="mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql",
)
opened = MYSQL.opened
load = MYSQL.load

#: MySQL lacks what MariaDB lacks, and nothing else.
GAPS: Mapping[str, str] = on_mariadb.GAPS
DIFFERS: Mapping[str, str] = on_mariadb.DIFFERS
