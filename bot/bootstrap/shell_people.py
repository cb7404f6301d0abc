"""`doorward links check`: real people from every source, the role each gets and why, and their HR record."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from bot.bootstrap.installation import keyring, on_database
from bot.bootstrap.outside import SystemClock
from bot.bootstrap.production import systems
from bot.bootstrap.providers import PLACES, correspondence, identity_provider
from bot.bootstrap.shell_output import Advance
from bot.domain.action import ResourceFacts
from bot.domain.identity import Employee, Issuer, LinkedIdentity, Person, Role, Subject
from bot.errors import Misconfigured
from bot.ports.database import Database, Transaction
from bot.ports.provisioning import Provisioned, ProvisionedKind
from bot.services.authorization import GrantMint
from bot.services.directory_check import (
    Candidate,
    Finding,
    Record,
    Sources,
    attributes_of,
    compared,
    known,
    with_shared,
)
from bot.services.employment import record
from bot.settings.directories import Attributes, Idp
from bot.settings.tree import Settings
from storage.crypto import Keyring, Purpose

Fields = dict[str, object]
PAGE = 100


def people(settings: Settings, now: datetime, limit: int, *, preview: bool, advance: Advance) -> list[Fields]:
    """Everybody known here, and with `preview` everybody whom SCIM or Graph would bring, and what is wrong with each.

    Raises `Misconfigured`, `ProviderUnavailable`, `StorageUnavailable`, `IntegrityAlarm`.
    """
    keys = keyring(settings, now)
    sources = {name: _sources(idp) for name, idp in settings.idps.items()}

    async def work(database: Database) -> list[Finding]:
        candidates = await database.read(lambda tx: known(tx, sources, now, limit))
        if preview:
            known_keys = {candidate.person.identity.key for candidate in candidates}
            candidates += await database.read(lambda tx: list(_provisioned(tx, settings, known_keys, now, limit)))
            candidates += [one async for one in _in_groups(settings, now, limit)]
        async with _hr(settings, keys) as asking:
            found = await compared(candidates[:limit], sources, asking, advance)
        told = correspondence(settings.idps, (), clients=settings.scim)
        shared = await database.read(lambda tx: told.shared(tx, [one.candidate.person.identity for one in found]))
        return [with_shared(finding, shared) for finding in found]

    return [_row(finding, sources) for finding in on_database(settings, keys, work)]


def _sources(idp: Idp) -> Sources:
    roles: dict[str, list[str]] = {}
    for claim, values in idp.role_claims.items():
        for value, role in values.items():
            roles.setdefault(role, []).append(f"{claim}={value}")
    if not idp.role_claims:
        roles = {role.value: [f"roles={role.value}"] for role in Role}
    attributes = {place: str(getattr(idp.attributes, place)).partition(":")[0] for place in Attributes.model_fields}
    return Sources(attributes=attributes, roles=roles)


def _provisioned(
    tx: Transaction, settings: Settings, known_keys: set[str], now: datetime, limit: int
) -> Iterator[Candidate]:
    """Whom SCIM told of and who never signed in: their roles are told by the provider when they do."""
    for name in settings.scim:
        for offset in range(0, limit, PAGE):
            page = tx.provisioned.listed(f"scim:{name}", ProvisionedKind.USER, offset=offset, limit=PAGE)
            for one in page:
                if one.identity is None or one.identity.key not in known_keys:
                    yield _from_scim(tx, name, one, now)
            if len(page) < PAGE:
                break


def _from_scim(tx: Transaction, name: str, one: Provisioned, now: datetime) -> Candidate:
    told = {} if one.identity is None else attributes_of(tx, one.identity)
    identity = one.identity or LinkedIdentity(issuer=Issuer(""), subject=Subject(f"scim:{name}:{one.id}"))
    person = _unknown(identity, provider="", username=one.name, told=told, now=now)
    return Candidate(person=person, known_by=f"scim:{name}", roles_known=False, active=one.active)


def _unknown(
    identity: LinkedIdentity, *, provider: str, username: str, told: Mapping[str, str], now: datetime
) -> Person:
    """Somebody as they would be; never stored."""
    number = told.get("employee_number")
    return Person(
        identity=identity,
        provider=provider,
        username=username,
        display_name=username,
        email=None,
        roles=frozenset(),
        department=told.get("department", ""),
        region=told.get("region", ""),
        manager=None,
        employee=None if number is None else Employee(number),
        idp_checked_at=now,
    )


async def _in_groups(settings: Settings, now: datetime, limit: int) -> AsyncIterator[Candidate]:
    """The members of the groups that a role hangs on, where Graph answers for them. Raises `ProviderUnavailable`."""
    for name, idp in settings.idps.items():
        if idp.graph is None:
            continue
        provider = identity_provider(name, idp)
        try:
            for tenant in idp.tenant_ids:
                for member in await provider.members(tenant, limit):
                    told = {
                        place: value
                        for place in PLACES
                        if (value := member.fields.get(str(getattr(idp.attributes, place)).removeprefix("graph:")))
                    }
                    roles = idp.role_claims.get("groups", {})
                    yield Candidate(
                        person=_unknown(
                            # Its subject is another for each application, and known only when they sign in.
                            LinkedIdentity(issuer=Issuer(idp.authority), subject=Subject(f"oid:{member.object_id}")),
                            provider=name,
                            username=member.username,
                            told=told,
                            now=now,
                        ),
                        known_by=f"graph:{name}",
                        why={roles[group]: f"{name}: groups={group}" for group in sorted(member.groups)},
                        active=member.enabled,
                    )
        finally:
            await provider.close()


@asynccontextmanager
async def _hr(settings: Settings, keys: Keyring) -> AsyncIterator[Record | None]:
    """How HR is asked for somebody's own record; None where no HR system is connected."""
    clock = SystemClock()
    mint = GrantMint(lambda: keys.secrets(Purpose.GRANT))
    try:
        backend = systems(settings, clock, mint)
    except Misconfigured:
        yield None
        return

    async def ask(person: Person) -> ResourceFacts | None:
        return await record(backend.facts, mint, person, secrets.token_hex(8), clock.now())

    try:
        yield ask
    finally:
        backend.close()


def _row(finding: Finding, sources: Mapping[str, Sources]) -> Fields:
    candidate, person = finding.candidate, finding.candidate.person
    roles = ", ".join(sorted(candidate.why)) if candidate.roles_known else "told at sign-in"
    told = sources.get(person.provider)
    return {
        "username": person.username,
        "known_by": candidate.known_by,
        "roles": roles or "none",
        "why": "; ".join(f"{role}: {why}" for role, why in sorted(candidate.why.items())),
        "hr": finding.hr,
        "problems": list(finding.problems),
        "provider": person.provider,
        "principal": person.identity.key,
        "employee_number": person.employee,
        "department": person.department,
        "region": person.region,
        "sources": {} if told is None else dict(told.attributes),
        "chat_accounts": candidate.accounts,
    }
