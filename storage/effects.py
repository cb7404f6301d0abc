"""Effects, and the grants they spend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Integer, bindparam, or_, select, update

from bot.domain.action import CanonicalAction
from bot.domain.effect import Effect, EffectState
from bot.domain.grant import Grant
from bot.domain.messages import Place
from bot.errors import IntegrityAlarm, Stale
from storage.authority import AuthorityRows
from storage.codec import (
    Packed,
    channel_key,
    identity_key,
    optional_micros,
    optional_moment,
    to_channel,
    to_identity,
    to_micros,
    to_moment,
)
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, inserting, inserting_once
from storage.tables.effects import effects, grants

_log = structlog.get_logger(__name__)
PIECE = 100
_actions = Packed(CanonicalAction)
_places = Packed(Place)


def parse_grant(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns of a verified grant; its action is still sealed."""
    return values


_INSERT_GRANT = inserting_once(grants)
_INSERT_EFFECT = inserting(effects)
_open_state = or_(effects.c.state == EffectState.INTENDED.value, effects.c.state == EffectState.UNKNOWN.value)
_both = select(*effects.c, *grants.c).join_from(effects, grants, grants.c.id == effects.c.grant_id)
_FIND = Statement(_both.where(effects.c.id == bindparam("effect")))
_OF_PROPOSAL = Statement(_both.where(effects.c.proposal_id == bindparam("proposal")))
_FINISH = Statement(
    update(effects)
    .where(effects.c.id == bindparam("effect"), _open_state)
    .values(state=bindparam("outcome"), finished_at=bindparam("now"), outcome_code=bindparam("code"))
)
_late = (_open_state, effects.c.intended_at <= bindparam("before"))
_UNFINISHED = Statement(
    _both.where(*_late)
    .order_by(effects.c.intended_at, effects.c.id)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("skip", type_=Integer))
)
_WITHOUT_GRANT = Statement(
    select(effects.c.id)
    .select_from(effects.outerjoin(grants, grants.c.id == effects.c.grant_id))
    .where(*_late, grants.c.id.is_(None))
    .order_by(effects.c.id)
)


class Effects:
    """See `bot.ports.stores.EffectStore`."""

    def __init__(self, connection: Connection, sealer: Sealer, rows: AuthorityRows[Mapping[str, Any]]) -> None:
        self._connection = connection
        self._sealer = sealer
        self._rows = rows

    def intend(self, effect: Effect) -> None:
        self._insert_grant(effect.grant)
        self._connection.change(
            _INSERT_EFFECT,
            id=effect.id,
            grant_id=effect.grant.id,
            channel=channel_key(effect.channel),
            place=_places.pack(effect.place).decode(),
            proposal_id=effect.proposal_id,
            source=effect.source,
            state=effect.state,
            attempts=effect.attempts,
            intended_at=to_micros(effect.intended_at),
            finished_at=optional_micros(effect.finished_at),
            outcome_code=effect.outcome_code,
        )

    def find(self, effect_id: str) -> Effect | None:
        row = self._connection.row(_FIND, effect=effect_id)
        return None if row is None else self._to_effect(row)

    def of_proposal(self, proposal_id: str) -> Effect | None:
        row = self._connection.row(_OF_PROPOSAL, proposal=proposal_id)
        return None if row is None else self._to_effect(row)

    def finish(self, effect_id: str, state: EffectState, *, now: datetime, code: str = "") -> bool:
        return self._connection.change(_FINISH, effect=effect_id, outcome=state, now=to_micros(now), code=code) == 1

    def unfinished(self, *, now: datetime, older_than_seconds: int, limit: int) -> Sequence[Effect]:
        found: list[Effect] = []
        for row in self._late(now, older_than_seconds, limit):
            try:
                found.append(self._to_effect(row))
            except IntegrityAlarm as alarm:
                # Nothing is done on it, and it must not hold up the others.
                _log.error("integrity.alarm", table="grants", row=row[1], detail=alarm.detail)
            if len(found) == limit:
                break
        return found

    def altered(self, *, now: datetime, older_than_seconds: int) -> Sequence[str]:
        before = _before(now, older_than_seconds)
        gone = [row[0] for row in self._connection.rows(_WITHOUT_GRANT, before=before)]
        return [*gone, *(row[0] for row in self._late(now, older_than_seconds, PIECE) if not self._holds(row))]

    def _late(self, now: datetime, older_than_seconds: int, piece: int) -> Iterator[Row]:
        """Every one, piece by piece: those that do not hold take nobody's place."""
        before, skip = _before(now, older_than_seconds), 0
        while rows := self._connection.rows(_UNFINISHED, before=before, limit=piece, skip=skip):
            yield from rows
            skip += len(rows)

    def _holds(self, row: Row) -> bool:
        try:
            self._to_effect(row)
        except IntegrityAlarm:
            return False
        return True

    def _insert_grant(self, grant: Grant) -> None:
        row = self._rows.signed(
            {
                "id": grant.id,
                "identity": identity_key(grant.identity),
                "employee": grant.employee,
                "action": self._sealer.seal(
                    _actions.pack(grant.action), table="grants", row=grant.id, purpose="action"
                ),
                "digest": grant.digest,
                "policy_hash": grant.policy_hash,
                "issued_at": to_micros(grant.issued_at),
                "until": to_micros(grant.until),
                "correlation": grant.correlation,
                "grant_mac": grant.mac,
                "version": 1,
            }
        )
        if not self._connection.change(_INSERT_GRANT, **row):
            raise Stale("this grant is spent")

    def _to_effect(self, row: Row) -> Effect:
        width = len(effects.c)
        effect, _, channel, place, proposal_id, source, state, attempts, intended_at, finished_at, code = row[:width]
        return Effect(
            id=effect,
            grant=self._to_grant(self._rows.load(row[width:])),
            channel=to_channel(channel),
            place=_places.unpack(place.encode()),
            proposal_id=proposal_id,
            source=source,
            state=EffectState(state),
            attempts=attempts,
            intended_at=to_moment(intended_at),
            finished_at=optional_moment(finished_at),
            outcome_code=code,
        )

    def _to_grant(self, values: Mapping[str, Any]) -> Grant:
        packed = self._sealer.open(values["action"], table="grants", row=values["id"], purpose="action")
        action = _actions.unpack(packed)
        if action.digest != values["digest"]:
            raise IntegrityAlarm("a grant's digest is not that of its action")
        return Grant(
            id=values["id"],
            identity=to_identity(values["identity"]),
            employee=values["employee"],
            action=action,
            digest=values["digest"],
            policy_hash=values["policy_hash"],
            issued_at=to_moment(values["issued_at"]),
            until=to_moment(values["until"]),
            correlation=values["correlation"],
            mac=values["grant_mac"],
        )


def _before(now: datetime, older_than_seconds: int) -> int:
    return to_micros(now) - older_than_seconds * 1_000_000
