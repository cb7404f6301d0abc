"""Tells the administrators of changes that wait, and does those whose day has passed. A job of `bot.jobs`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

import structlog

from bot.domain.audit import EventType
from bot.domain.change import RECOVERY, Change
from bot.domain.identity import Person, Role, principal_of
from bot.domain.outbound import OutboxItem
from bot.domain.proof import ConsentKind, Proof, ProofMethod
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.mail import WaitingLetter
from bot.services import change_cards, changes, first_administrator, roles
from bot.services.audit_trail import Scribe
from bot.services.authorization import Authorizer, Circumstances
from bot.services.delivery import Delivery
from bot.services.letters import Letterbox
from bot.services.people import identity_from_key, newcomer_facts, person_facts
from policy.model import EVERY_DEPARTMENT, Permit

ACTIONS = {"grant_role": "GrantRole", "revoke_role": "RevokeRole"}
"""What policy calls the changes that are done by themselves."""
log = structlog.get_logger("doorward.changes")


class CarryingOut:
    """Composed once; keeps nothing between runs."""

    def __init__(
        self, *, database: Database, clock: Clock, delivery: Delivery, letterbox: Letterbox, authorizer: Authorizer
    ) -> None:
        self._database = database
        self._authorizer = authorizer
        self._clock = clock
        self._delivery = delivery
        self._letterbox = letterbox

    async def run(self) -> int:
        """Do what is due, then tell of what waits; how many of both. Each is a transaction of its own."""
        now = self._clock.now()
        waiting = await self._database.read(lambda tx: tx.changes.open(now))
        done = 0
        for change in waiting:
            if change.due_at is not None and change.due_at <= now and change_cards.done_by_itself(change):
                done += await self._database.write(lambda tx, one=change.id: self._do(tx, one))  # type: ignore[misc]  # a loop's own value
        for change in await self._database.read(lambda tx: tx.changes.open(now)):
            if not change.announced:
                items, letters = await self._database.write(lambda tx, one=change.id: self._tell(tx, one))  # type: ignore[misc]  # a loop's own value
                await self._delivery.send(items)
                await self._letterbox.post(letters)
                done += 1
        return done

    def _scribe(self) -> Scribe:
        return Scribe(time=self._clock.now(), channel="scheduler", correlation=secrets.token_hex(8))

    def _do(self, tx: Transaction, change_id: str) -> int:
        scribe = self._scribe()
        change = changes.ripe(tx, change_id, scribe, lambda person, due: self._permitted(tx, person, due, scribe.time))
        if change is None:
            return 0
        if change.wanted.capability == RECOVERY:
            log.critical("administrator_recovered", principal=change.wanted.target)
            first_administrator.recover(tx, identity_from_key(change.wanted.target), scribe)
            return 1
        identity, role = identity_from_key(change.wanted.target), Role(change.wanted.arguments["role"])
        if change.wanted.capability == "grant_role":
            scope = change.wanted.arguments.get("scope", EVERY_DEPARTMENT)
            roles.give(tx, identity, role, scope, by=change.proposed_by, now=scribe.time)
            kind = EventType.ROLE_GRANTED
        else:
            roles.take(tx, identity, role)
            kind = EventType.ROLE_REVOKED
        tx.audit.append(
            scribe.event(
                kind,
                principal=change.proposed_by,
                resource=f"Person::{identity.key}",
                decision="alarm",
                code=changes.SINGLE,
            )
        )
        return 1

    def _permitted(self, tx: Transaction, person: Person, change: Change, now: datetime) -> bool:
        """Whether policy would permit it today, with the strongest proof: theirs was checked when they gave it."""
        target = identity_from_key(change.wanted.target)
        known = tx.persons.find(target)
        proof = Proof(
            id="",
            identity=person.identity,
            method=ProofMethod.PASSKEY,
            phishing_resistant=True,
            kind=ConsentKind.PER_ACTION,
            binding=change.id,
            at=now,
            until=now,
        )
        decision = self._authorizer.decide(
            principal_of(person, tuple(tx.roles.of_identity(person.identity)), now),
            ACTIONS[change.wanted.capability],
            newcomer_facts(target) if known is None else person_facts(known),
            Circumstances(session=None, idp_checked_at=now, platform="", place=None, authenticators=()),
            proof=proof,
            now=now,
        )
        return isinstance(decision, Permit)

    def _tell(self, tx: Transaction, change_id: str) -> tuple[list[OutboxItem], tuple[WaitingLetter, ...]]:
        change = tx.changes.hold(change_id)
        now = self._clock.now()
        if change is None or change.announced or not change.open(now):
            return [], ()
        tx.changes.save(replace(change, announced=True))
        return self._cards(tx, change), self._letters(tx, change)

    def _cards(self, tx: Transaction, change: Change) -> list[OutboxItem]:
        readers = changes.administrators(tx, self._clock.now())
        return self._delivery.put_all(tx, change_cards.postings(tx, change, readers), change.id)

    def _letters(self, tx: Transaction, change: Change) -> tuple[WaitingLetter, ...]:
        readers = changes.administrators(tx, self._clock.now())
        target = tx.persons.find(identity_from_key(change.wanted.target)) if "#" in change.wanted.target else None
        if target is not None and target not in readers:
            readers = (*readers, target)
        written = change_cards.letters(tx, change, readers)
        return tuple(one for letter in written for one in self._letterbox.put(tx, letter))
