"""Superset in one process, for tests: makes what it needs in a folder and serves it from there.

Run by the Python of `make superset`, with the people to make in SUPERSET_TEST_PEOPLE, a JSON object
of ``{name: [role, password]}``. Nothing of kpilayer is imported. The address is written to the file
`address` once it can be asked; the process ends when its stdin does.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import threading
from pathlib import Path


def main(folder: Path) -> None:
    settings, database = folder / "superset_config.py", folder / "superset.db"
    settings.write_text(
        f"SECRET_KEY = {secrets.token_hex(24)!r}\n"
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{database}'\n",
        encoding="utf-8",
    )
    os.environ |= {"SUPERSET_CONFIG_PATH": str(settings), "SUPERSET_HOME": str(folder)}

    import flask_migrate
    from superset.app import create_app
    from werkzeug.serving import make_server

    app = create_app()
    with app.app_context():
        # `superset db upgrade`, `superset init` and `superset fab create-user`, without three starts.
        flask_migrate.upgrade(directory=str(Path(app.root_path) / "migrations"))
        for logger in logging.root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.disabled = False  # as the upgrade left them
        from superset import appbuilder, security_manager

        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        for name, (role, password) in json.loads(os.environ["SUPERSET_TEST_PEOPLE"]).items():
            found, mail = security_manager.find_role(role), f"{name}@example.com"
            assert security_manager.add_user(name, name, role, mail, found, password), name
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "address.part").write_text(f"http://127.0.0.1:{server.port}", encoding="utf-8")
    (folder / "address.part").rename(folder / "address")
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
