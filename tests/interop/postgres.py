"""PostgreSQL as a real server: made anew in a folder of its own, for as long as a block runs.

It refuses to run as root, so for root it runs as the user that Debian's package made, or as nobody.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from peers import port, process, require_program


def _program(name: str) -> str:
    # Debian keeps the server's programs by version, out of the path.
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(versions[-1]) if versions else require_program(name)


def _as_user(folder: str) -> list[str]:
    """What comes before a command so that PostgreSQL takes it; the folder becomes that user's."""
    if os.geteuid() != 0:
        return []
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    shutil.chown(folder, user)
    return [require_program("setpriv"), f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]


@contextmanager
def postgresql() -> Iterator[str]:
    """A server; gives the URL of its first database, for the user "tester"."""
    programs = _program("initdb"), _program("postgres")
    # Not below the folder of the tests, which other users may not enter.
    folder = tempfile.mkdtemp(prefix="postgresql-")
    data = f"{folder}/data"
    number = port()
    try:
        user = _as_user(folder)
        made = subprocess.run(
            [*user, programs[0], "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
        )
        assert made.returncode == 0, made.stderr
        options = ["-c", "fsync=off", "-c", "max_connections=60", "-c", f"unix_socket_directories={folder}"]
        command = [*user, programs[1], "-D", data, "-h", "127.0.0.1", "-p", number, *options]
        with process(command, number, cwd=Path(folder)):
            url = f"postgresql://tester@127.0.0.1:{number}/postgres"
            _wait_until_ready(url)
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(url: str) -> None:
    """It answers the port before it takes work; libpq's own patience is for the network alone."""
    for _ in range(100):
        try:
            psycopg.connect(url, connect_timeout=10).close()
        except psycopg.OperationalError as error:
            if "starting up" not in str(error):
                raise
            subprocess.run(["sleep", "0.05"], check=True)
        else:
            return
    raise AssertionError("PostgreSQL does not get ready")


def new_database(url: str) -> str:
    """Make room of its own on the server and return its URL: a schema, which is made faster than a database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}?options=-csearch_path%3D{name}"
