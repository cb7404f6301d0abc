"""People and the facts about our own resources (`Person`, `System`), as the connectors have theirs."""

from __future__ import annotations

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.grant import FactsGrant
from bot.domain.identity import Issuer, LinkedIdentity, Person, Subject
from bot.errors import NotAllowed
from bot.ports.database import Database, Transaction

NEWCOMER = "newcomer"
"""The state of somebody who never signed in."""


def identity_from_key(key: str) -> LinkedIdentity:
    """The identity a `LinkedIdentity.key` names; an issuer has no `#` (OIDC Core §2: no fragment)."""
    issuer, _, subject = key.partition("#")
    return LinkedIdentity(issuer=Issuer(issuer), subject=Subject(subject))


def named(tx: Transaction, name: str) -> tuple[Person, ...]:
    """Everybody whom a name may mean: an identity key, a user name, or a user name with `@` and the provider's name."""
    if "#" in name:
        person = tx.persons.find(identity_from_key(name))
        return () if person is None else (person,)
    found = tuple(tx.persons.called(name))
    username, _, provider = name.rpartition("@")
    if found or not username:
        return found
    return tuple(one for one in tx.persons.called(username) if one.provider.casefold() == provider.casefold())


def find_person(tx: Transaction, name: str) -> Person | None:
    """The one person a name means; None where nobody or more than one is called so."""
    found = named(tx, name)
    return found[0] if len(found) == 1 else None


def only_person(tx: Transaction, name: str) -> Person:
    """The one person a name means. Raises `NotAllowed`, with every exact name where there are several."""
    found = named(tx, name)
    if not found:
        raise NotAllowed(f"nobody who ever signed in is called {name}", code="person.unknown")
    if len(found) > 1:
        which = ", ".join(f"{exact_name(tx, one)} ({one.identity.key})" for one in found)
        raise NotAllowed(f"{len(found)} people are called {name}; say which: {which}", code="person.ambiguous")
    return found[0]


def exact_name(tx: Transaction, person: Person) -> str:
    """The shortest name that means this person alone."""
    for name in (person.username, f"{person.username}@{person.provider}"):
        if "#" not in name and find_person(tx, name) == person:
            return name
    return person.identity.key


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
