"""Slots of periodic jobs, each claimed once among all replicas, and marks on the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects import postgresql

from storage.codec import to_micros
from storage.statement import Connection, Statement, finding, upserting
from storage.tables.operations import job_runs, marks

LEASE = timedelta(minutes=15)
"""A slot that was claimed and not finished for so long is given to another: its claimer is gone."""
KEPT = timedelta(days=7)

_inserted = postgresql.insert(job_runs)
_CLAIM = Statement(
    _inserted.on_conflict_do_update(
        index_elements=["job", "slot"],
        set_={"claimed_at": _inserted.excluded.claimed_at},
        where=job_runs.c.finished_at.is_(None) & (job_runs.c.claimed_at <= bindparam("abandoned")),
    ).returning(job_runs.c.slot),
    columns=job_runs.c.keys(),
)
_FINISH = Statement(
    update(job_runs)
    .where(job_runs.c.job == bindparam("of_job"), job_runs.c.slot == bindparam("in_slot"))
    .values(finished_at=bindparam("now"))
)
_FORGET = Statement(
    delete(job_runs).where(job_runs.c.job == bindparam("of_job"), job_runs.c.claimed_at < bindparam("before"))
)
_FORGET_LATER = Statement(delete(job_runs).where(job_runs.c.claimed_at > bindparam("now")))
_MARK = finding(marks)
_SET_MARK = upserting(marks)


class Jobs:
    """See `bot.ports.stores.JobStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim_slot(self, job: str, slot: str, *, now: datetime) -> bool:
        """Whether this caller runs the slot: it was free, or its claimer let the lease run out."""
        row = self._connection.row(
            _CLAIM, job=job, slot=slot, claimed_at=to_micros(now), finished_at=None, abandoned=to_micros(now - LEASE)
        )
        return row is not None

    def finish_slot(self, job: str, slot: str, *, now: datetime) -> None:
        """Mark as done; slots of last week are forgotten."""
        self._connection.change(_FINISH, of_job=job, in_slot=slot, now=to_micros(now))
        self._connection.change(_FORGET, of_job=job, before=to_micros(now - KEPT))

    def forget_after(self, now: datetime) -> None:
        self._connection.change(_FORGET_LATER, now=to_micros(now))

    def mark(self, key: str) -> str | None:
        row = self._connection.row(_MARK, row=key)
        return None if row is None else str(row[1])

    def set_mark(self, key: str, value: str) -> None:
        self._connection.change(_SET_MARK, key=key, value=value)
