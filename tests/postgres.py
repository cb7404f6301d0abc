"""A private PostgreSQL server for the tests, on loopback, with a fresh database for each.

`postgres_url` is an empty database. To start from a filled one, at the price of a copy:

    with postgres_cluster.database(build=migrate) as url: ...   # `migrate(url)` runs once a session
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Self

import pytest

from tests import prerequisites

START_SECONDS = 60
_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC", "PGCONNECT_TIMEOUT": "10"}
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 64MB
timezone = 'UTC'
log_min_messages = warning
"""


def binaries() -> Path | None:
    """The folder with the server's programs: Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _account() -> str | None:
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    with suppress(ImportError, KeyError):
        import pwd  # noqa: PLC0415 - not on every platform

        pwd.getpwnam("postgres")
        return "postgres"
    return "nobody"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class PostgresCluster:
    """One server with its data folder. `stop(crash=True)` and `start()` are there for tests of restarts."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._account = _account()
        self._password = secrets.token_hex(16)
        self._server: subprocess.Popen[bytes] | None = None
        self._templates: dict[Callable[[str], None], str] = {}
        self._made = 0
        self.port = _free_port()

    def url(self, database: str = "postgres") -> str:
        """The address of a database, as `DOORWARD_DATABASE_URL` takes it."""
        return f"postgresql://doorward:{self._password}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> Self:
        """Make the data folder, for this server's own account where we are root."""
        password = self._folder / "password"
        password.write_text(self._password)
        if self._account:
            shutil.chown(self._folder, self._account)
            shutil.chown(password, self._account)
        self._run(
            *("initdb", "--pgdata", self._data, "--username=doorward", f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(_CONFIGURATION)
        return self

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        if setpriv := shutil.which("setpriv"):
            command = [setpriv, "--pdeathsig", "INT", *command]  # it stops with us, however we end
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                command, user=self._account, cwd="/", env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = monotonic() + START_SECONDS
        while self._call("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).returncode != 0:
            if self._server.poll() is not None or monotonic() > end:
                raise RuntimeError("PostgreSQL did not start:\n" + (self._folder / "server.log").read_text()[-2000:])
            sleep(0.05)

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server, cutting its connections; a crash leaves recovery to the next start."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        try:
            self._server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    @contextmanager
    def database(self, build: Callable[[str], None] | None = None) -> Iterator[str]:
        """A fresh database; with `build`, a copy of one that `build(url)` filled once and left without connections."""
        name = self._create(template=self._template(build) if build else "template0")
        yield self.url(name)
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement as the server's owner; rows come back as text."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database))

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _template(self, build: Callable[[str], None]) -> str:
        if build not in self._templates:
            name = self._create(template="template0")
            build(self.url(name))
            self._templates[build] = name
        return self._templates[build]

    def _create(self, *, template: str) -> str:
        self._made += 1
        name = f"test_{self._made}"
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def _run(self, program: str, *arguments: str | Path) -> str:
        done = self._call(program, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def _call(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            user=self._account, cwd="/", env=_ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip


@contextmanager
def running_cluster() -> Iterator[PostgresCluster]:
    """A server of one's own, for tests that stop it; skips where PostgreSQL is missing."""
    programs = binaries()
    if programs is None:
        prerequisites.missing("PostgreSQL", "postgresql")
    folder = Path(tempfile.mkdtemp(prefix="doorward-postgres-"))
    try:
        cluster = PostgresCluster(programs, folder).initialise()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """The session's server. A test that stops it takes `running_cluster` instead."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    with postgres_cluster.database() as url:
        yield url
