"""The metadata with every table in it: what migrations compare a database with."""

from __future__ import annotations

from storage.tables import (
    approvals,
    audit,
    break_glass,
    challenges,
    changes,
    consent,
    effects,
    identity,
    installations,
    keys,
    ledger,
    operations,
    provisioning,
    queues,
    references,
    sessions,
)
from storage.tables.metadata import metadata

AREAS = (
    queues,
    identity,
    keys,
    consent,
    effects,
    audit,
    operations,
    provisioning,
    sessions,
    installations,
    approvals,
    references,
    changes,
    break_glass,
    challenges,
    ledger,
)

__all__ = ["AREAS", "metadata"]
