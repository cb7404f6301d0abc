"""What the demo system says of itself, operation by operation."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from bot.ports.connectors import Delegation, Idempotency, OperationTraits

NO_OPERATIONS = {"traits", "reconcile"}
"""Of the ports' methods, those that are no operations of the system."""


def traits_of(
    port: type,
    *,
    writes: AbstractSet[str],
    unversioned: AbstractSet[str] = frozenset(),
    separated: AbstractSet[str] = frozenset(),
    unsupported: AbstractSet[str] = frozenset(),
) -> Mapping[str, OperationTraits]:
    """The traits of every operation of a port: called with one account, and each write known by its key."""
    operations = [name for name, _ in inspect.getmembers(port, inspect.isfunction) if name[0] != "_"]
    return {
        name: OperationTraits(
            supported=name not in unsupported,
            delegation=Delegation.SERVICE,
            idempotency=Idempotency.NATIVE if name in writes else Idempotency.NONE,
            version_check=name in writes and name not in unversioned,
            separation_of_duties=name in separated,
        )
        for name in operations
        if name not in NO_OPERATIONS
    }
