"""What Django looks for in the module of `ENGINE`: how to connect.

Nothing differs for a process that keeps no connections (see `DATABASE_POOL` in the settings).
"""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool, PoolTimeout

# Seconds that a request waits for a connection while nobody gets one.
AWAY_PATIENCE = 0.1


class KeptConnection(psycopg.Connection[Any]):
    """Does not wait for ever for a server that takes what is sent and says nothing.

    The server's own limit on a statement cannot end one when the server itself stands still: on a
    disk that is stuck, in a machine that is paused.
    """

    patience: float | None = None
    """Seconds that the server may be silent; None is for ever."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's. Raises `OperationalError`, and ends, when the patience is over."""
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError:
            # The answer may still come, and would be taken for that to the next statement.
            if time.monotonic() - began >= self.patience:
                self.pgconn.finish()
            raise


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, that hands out no connection whose server is gone.

    Kept connections are not asked before they are used, for that costs each request a round trip;
    so after a restart of the server each of them would fail a request, hours later.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that can be used. Raises psycopg's `OperationalError`."""
        try:
            connection = super().get_new_connection(conn_params)
            while self.pool is not None and _is_gone(connection):
                connection.close()
                self.pool.putconn(connection)  # which makes another one in its place
                connection = super().get_new_connection(conn_params)
        except PoolTimeout as error:
            if self.pool is not None:
                expect_no_connection(self.pool)
            # Its code says that nothing has been sent to the server.
            raise psycopg.errors.SqlclientUnableToEstablishSqlconnection(str(error)) from error
        if self.pool is not None:
            self.pool.timeout = settings.DATABASE_POOL["timeout"]
        return connection


def expect_no_connection(pool: ConnectionPool[Any]) -> None:
    """Where the server cannot be reached, or every connection is held up, let requests know at
    once, and not one by one after the time that one is worth waiting for: those behind them wait
    as well. Who gets a connection ends this."""
    pool.timeout = AWAY_PATIENCE


def _is_gone(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection that rests has ended; a look at the socket, and nothing is sent.

    A server says nothing unasked but its farewell, and few things besides: then it is asked.
    """
    resting = select.poll()
    resting.register(connection.fileno(), select.POLLIN)
    if not resting.poll(0):
        return False
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return True
    return False
