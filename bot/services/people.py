"""People and the facts about our own resources (`Person`, `System`), as the connectors have theirs."""

from __future__ import annotations

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.grant import FactsGrant
from bot.domain.identity import Issuer, LinkedIdentity, Person, Subject
from bot.ports.database import Database, Transaction

NEWCOMER = "newcomer"
"""The state of somebody who never signed in."""


def identity_from_key(key: str) -> LinkedIdentity:
    """The identity a `LinkedIdentity.key` names; an issuer has no `#` (OIDC Core §2: no fragment)."""
    issuer, _, subject = key.partition("#")
    return LinkedIdentity(issuer=Issuer(issuer), subject=Subject(subject))


def find_person(tx: Transaction, name: str) -> Person | None:
    """Somebody by identity key or by user name."""
    return tx.persons.find(identity_from_key(name)) if "#" in name else tx.persons.by_username(name.casefold())


class OwnFacts:
    """A `FactsSource` for the resources Doorward itself keeps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def resolve(self, grant: FactsGrant) -> ResourceFacts | None:
        """The facts of a person (canonical id: identity key) or of the system. Raises `StorageUnavailable`."""
        if grant.ref.type == "System":
            return ResourceFacts(ref=grant.ref, version="1")
        person = await self._database.read(lambda tx: find_person(tx, grant.ref.id))
        if person is not None:
            return person_facts(person)
        named = identity_from_key(grant.ref.id)
        # Of the acting administrator's own provider only: any other issuer is as likely a slip as a company.
        return newcomer_facts(named) if named.subject and named.issuer == grant.identity.issuer else None


def newcomer_facts(identity: LinkedIdentity) -> ResourceFacts:
    """Somebody of the company who never signed in here: nothing is known but who the provider will say it is."""
    return ResourceFacts(ref=ResourceRef(type="Person", id=identity.key), state=NEWCOMER, version=NEWCOMER)


def person_facts(person: Person) -> ResourceFacts:
    """A person as a resource."""
    return ResourceFacts(
        ref=ResourceRef(type="Person", id=person.identity.key),
        owner=person.employee,
        department=person.department,
        region=person.region,
        state="locked" if person.locked else "active",
        version=str(person.version),
    )
