"""What the routes name against who is known here: a misspelt person or department would route nothing, silently."""

from __future__ import annotations

from collections.abc import Iterator

from bot.bootstrap.routing import NAME, nearest
from bot.ports.database import Transaction
from bot.services.people import named
from bot.settings.tree import Settings

KNOWN = 5_000
"""So many people are looked at; where there are more, nothing is said of departments and regions."""
PERSON = "person:"


def unknown_people(settings: Settings, tx: Transaction) -> Iterator[str]:
    """Each person whom a stage names and who never signed in, or who is one of several. Raises `IntegrityAlarm`."""
    names = {one.username.casefold() for one in tx.persons.everyone(KNOWN)}
    for number, route in enumerate(settings.approvals.routes, 1):
        for written in (written for stage in route.stages for written in stage if written.startswith(PERSON)):
            name = written.removeprefix(PERSON)
            count = len(named(tx, name))
            if count == 0:
                yield f"{NAME}: route {number}: nobody who ever signed in is called {name}{nearest(name, names)}"
            elif count > 1:
                yield f"{NAME}: route {number}: {count} people are called {name}; write {name}@<provider>"


def unheard(settings: Settings, tx: Transaction) -> Iterator[str]:
    """Each department and region that nobody known here is of: perhaps misspelt, perhaps nobody came yet.

    Raises `IntegrityAlarm`.
    """
    people = tx.persons.everyone(KNOWN)
    if not people or len(people) == KNOWN:
        return
    for what, known in (
        ("department", {one.department for one in people if one.department}),
        ("region", {one.region for one in people if one.region}),
    ):
        for number, route in enumerate(settings.approvals.routes, 1):
            for given in getattr(route, what):
                if given not in known:  # to the letter, as requests are compared
                    told = f"{NAME}: route {number}: nobody who signed in is of the {what} {given}"
                    yield told + nearest(given, known)
