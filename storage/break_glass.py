"""Uses of break-glass, and who has reviewed them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bot.domain.break_glass import Finding, Review, Use
from storage.authority import AuthorityRows, Values
from storage.codec import optional_micros, optional_moment, to_json, to_micros, to_moment
from storage.statement import Connection, Statement, inserting, locking, replacing
from storage.tables.break_glass import break_glass


def parse(values: Mapping[str, Any]) -> Use:
    """The use of a row."""
    return Use(
        id=values["id"],
        identity=values["identity"],
        employee=values["employee"],
        action=values["action"],
        resource=values["resource"],
        reason=values["reason"],
        effect=values["effect"],
        at=to_moment(values["used_at"]),
        reviews=tuple(_review(said) for said in json.loads(values["reviews"])),
        reminded_at=optional_moment(values["reminded_at"]),
        version=values["version"],
        owner=values["owner"],
    )


def _review(said: Mapping[str, Any]) -> Review:
    return Review(
        identity=said["identity"],
        employee=said["employee"],
        finding=Finding(said["finding"]),
        reason=said["reason"],
        at=to_moment(said["at"]),
    )


def _said(review: Review) -> dict[str, str | int]:
    return {
        "identity": review.identity,
        "employee": review.employee,
        "finding": review.finding.value,
        "reason": review.reason,
        "at": to_micros(review.at),
    }


_INSERT = inserting(break_glass)
_LOCK = locking(break_glass)
_REPLACE = replacing(break_glass)
_ALL = Statement(select(break_glass).order_by(break_glass.c.used_at, break_glass.c.id))


class BreakGlass:
    """See `bot.ports.break_glass.BreakGlassStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[Use]) -> None:
        self._connection = connection
        self._rows = rows

    def insert(self, use: Use) -> None:
        self._connection.change(_INSERT, **self._signed(use, version=1))

    def hold(self, use_id: str) -> Use | None:
        row = self._connection.row(_LOCK, row=use_id)
        return None if row is None else self._rows.load(row)

    def unreviewed(self) -> Sequence[Use]:
        uses = [self._rows.load(row) for row in self._connection.rows(_ALL)]
        return [use for use in uses if not use.reviewed]

    def known(self) -> frozenset[str]:
        return frozenset(self._rows.load(row).id for row in self._connection.rows(_ALL))

    def save(self, use: Use) -> None:
        self._connection.change(_REPLACE, row=use.id, **self._signed(use, version=use.version + 1))

    def _signed(self, use: Use, *, version: int) -> Values:
        return self._rows.signed(
            {
                "id": use.id,
                "identity": use.identity,
                "employee": use.employee,
                "action": use.action,
                "resource": use.resource,
                "reason": use.reason,
                "effect": use.effect,
                "used_at": to_micros(use.at),
                "reviews": to_json([_said(review) for review in use.reviews]),
                "reminded_at": optional_micros(use.reminded_at),
                "owner": use.owner,
                "version": version,
            }
        )
