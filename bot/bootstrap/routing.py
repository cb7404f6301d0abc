"""Turns the settings of approvals into routes, and says what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence

from bot.capabilities.catalogue import BY_NAME
from bot.domain.approval import Address, AddressKind
from bot.domain.approval import Route as Way
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.owner import Owner
from bot.services.asking import Routes
from bot.settings.approvals import Route
from bot.settings.tree import Settings

NAME = "DOORWARD_APPROVALS__ROUTES"
WORDS = {"manager": AddressKind.MANAGER, "hr": AddressKind.HR}
ASKED = frozenset({"request_leave"})
"""Capabilities whose outcome is put to others."""


def routes(settings: Settings, hr: Mapping[Platform, Place]) -> Routes:
    """The routes in the order of the settings. Settings with `route_problems` make none."""
    tenants = _tenants(settings)
    rules = tuple(
        Way(
            capability=route.capability,
            types=frozenset(route.type),
            departments=frozenset(route.department),
            regions=frozenset(route.region),
            longer_than=route.longer_than,
            stages=tuple(tuple(_address(written, tenants) for written in stage) for stage in route.stages),
        )
        for route in settings.approvals.routes
    )
    return Routes(hr=hr, rules=rules, expire_days=settings.approvals.expire_days)


def owner(settings: Settings) -> Owner:
    """Who hears what could not be helped with. Settings with `owner_problems` name nobody."""
    written = settings.owner.channel
    place = _address(written, _tenants(settings)).place if written else None
    return Owner(mail=settings.owner.mail, place=place)


def owner_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with the owner, one line each."""
    written = settings.owner.channel
    if written and written.partition(":")[0] not in {Platform.SLACK, Platform.TEAMS}:
        yield f"DOORWARD_OWNER__CHANNEL: {written!r} is neither slack:C… nor teams:19:…"
    elif written:
        yield from _address_problem("DOORWARD_OWNER__CHANNEL", written, _tenants(settings))
    if settings.owner.mail and settings.mail is None:
        yield "DOORWARD_OWNER__MAIL needs a mail server: set DOORWARD_MAIL__HOST and the rest, or name a channel"


def _tenants(settings: Settings) -> dict[Platform, str]:
    found: dict[Platform, str] = {}
    if settings.slack is not None and settings.slack.team_ids:
        found[Platform.SLACK] = settings.slack.team_ids[0]
    if settings.teams is not None and settings.teams.tenant_ids:
        found[Platform.TEAMS] = settings.teams.tenant_ids[0]
    return found


def _address(written: str, tenants: Mapping[Platform, str]) -> Address:
    kind, _, rest = written.partition(":")
    if written in WORDS:
        return Address(kind=WORDS[written])
    if kind == "person":
        return Address(kind=AddressKind.PERSON, person=rest.casefold())
    platform = Platform(kind)
    place = Place(platform=platform, tenant=tenants[platform], conversation=rest, kind=PlaceKind.CHANNEL)
    return Address(kind=AddressKind.PLACE, place=place)


def route_problems(settings: Settings) -> Iterator[str]:
    """What is wrong with the routes, one line each.

    1. every addressee is one of the known forms, and on a platform that is connected; 2. a route is for something that
    is put to others; 3. no route stands behind one that takes everything it would; 4. there is a channel of HR's, where
    a request ends when nobody else can be asked.
    """
    given = settings.approvals.routes
    tenants = _tenants(settings)
    for number, route in enumerate(given, 1):
        for stage in route.stages:
            for written in stage:
                yield from _address_problem(f"{NAME}: route {number}", written, tenants)  # (1)
        if route.capability and route.capability not in ASKED:  # (2)
            known = ", ".join(sorted(ASKED))
            why = "is put to nobody else" if route.capability in BY_NAME else "is no capability"
            yield f"{NAME}: route {number}: {route.capability} {why}; known: {known}{nearest(route.capability, ASKED)}"
        before = _wider(given[: number - 1], route)
        if before is not None:  # (3)
            yield f"{NAME}: route {number} can never match: route {before} takes all of it; put it before, or drop it"
    if given and not has_hr_channel(settings):  # (4)
        yield (
            f"{NAME} has no fallback: set DOORWARD_SLACK__HR_CHANNEL or DOORWARD_TEAMS__HR_CONVERSATION, where a "
            "request goes when nobody named can be asked"
        )


def has_hr_channel(settings: Settings) -> bool:
    """Whether HR has a channel on any platform."""
    slack, teams = settings.slack, settings.teams
    return bool(slack and slack.hr_channel) or bool(teams and teams.hr_conversation)


def _address_problem(where: str, written: str, tenants: Mapping[Platform, str]) -> Iterator[str]:
    if written in WORDS:
        return
    kind, _, rest = written.partition(":")
    if kind not in {"person", Platform.SLACK, Platform.TEAMS}:
        near = nearest(kind, {*WORDS, "person", Platform.SLACK.value, Platform.TEAMS.value})
        yield f"{where}: {written!r} is none of manager, hr, slack:C…, teams:19:…, person:<user name>{near}"
    elif not rest.strip():
        yield f"{where}: {written!r} names nobody: put the id or user name behind the colon"
    elif kind != "person" and Platform(kind) not in tenants:
        yield f"{where}: {written!r} is on {kind}, which is not connected: set DOORWARD_{kind.upper()}__…"


def _wider(before: Sequence[Route], route: Route) -> int | None:
    """The number of an earlier route that takes everything this one would."""
    for number, other in enumerate(before, 1):
        named = all(
            not getattr(other, name) or (getattr(route, name) and {*_each(route, name)} <= {*_each(other, name)})
            for name in ("capability", "type", "department", "region")
        )
        shorter = other.longer_than is None or (
            route.longer_than is not None and route.longer_than >= other.longer_than
        )
        if named and shorter:
            return number
    return None


def _each(route: Route, name: str) -> tuple[str, ...]:
    value = getattr(route, name)
    return (value,) if isinstance(value, str) else value


def nearest(word: str, known: Collection[str]) -> str:
    """What somebody may have meant, as a question; nothing where nothing is near."""
    near = difflib.get_close_matches(word.casefold(), sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near and near[0] != word else ""
