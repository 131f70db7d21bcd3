"""Rights on MariaDB stay with a name: those of a definition are taken back with it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.engines.conftest import Engine
from tests.engines.test_publishing import VIEWS, Published

pytestmark = pytest.mark.parametrize("engine", ["mariadb"], indirect=True)


@pytest.fixture
def shop(engine: Engine) -> Iterator[Published]:
    schema = f"kpi_{uuid.uuid4().hex[:10]}"
    yield Published(engine, schema)
    engine.connection.cursor().execute(f"DROP DATABASE IF EXISTS {schema}")


def test_rights_go_with_the_definition_that_gave_them(shop: Published) -> None:
    user = f"u_{uuid.uuid4().hex[:8]}"
    shop.execute(f"CREATE USER {user}@localhost")
    try:
        cursor = shop.engine.connection.cursor()

        def granted() -> set[str]:
            cursor.execute(
                "SELECT TABLE_NAME FROM information_schema.TABLE_PRIVILEGES"
                f" WHERE GRANTEE LIKE '%{user}%' AND TABLE_SCHEMA = '{shop.schema}'"
            )
            return {name for (name,) in cursor.fetchall()}

        shop.define(f"{VIEWS}    grants: ['{user}@localhost']\n").publish(schema=shop.schema)
        assert {"orders_monthly", "orders_monthly__rollup"} <= granted()
        project = shop.define(VIEWS.replace("typical_order", "order_count"))
        project.publish(schema=shop.schema)
        assert granted() == set()
        shop.define(f"{VIEWS}    grants: ['{user}@localhost']\n").publish(schema=shop.schema)
        shop.define("views: []").publish(schema=shop.schema)
        assert granted() == set()
    finally:
        shop.execute(f"DROP USER {user}@localhost")
