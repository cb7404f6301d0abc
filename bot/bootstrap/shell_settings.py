"""Settings from the shell: what is in force and where it came from, whether it would start, and Slack's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from adapters.slack.oauth import EMAIL_SCOPE
from bot.bootstrap.installation import database_file, keyring, looked_up
from bot.bootstrap.refusals import DEMO_MARK, problems, refuse_demo_database
from bot.bootstrap.routes_known import unheard, unknown_people
from bot.bootstrap.routing import has_hr_channel
from bot.errors import DoorwardError, IntegrityAlarm, Misconfigured
from bot.ports.database import Transaction
from bot.ports.upkeep import SettingShown
from bot.services.changes import is_single
from bot.settings.tree import CONFIG, NAMED, Settings, from_environment, from_file, load, variable
from bot.settings.values import DatedSecret
from bot.texts.sentences import DEFAULT_LANGUAGE, languages
from bot.texts.sentences import keys as keys_of
from policy.sources import POLICIES
from policy.testing import validate
from storage.crypto import Keyring
from storage.database import parse_url
from storage.migration import is_current

MANIFEST = Path(__file__).resolve().parents[2] / "manifest.json"
PLACE_IN_MANIFEST = "https://doorward.example.com"
SINGLE_MODE = "single-administrator mode: what takes two waits a day and can be cancelled; a second one ends it"
NO_CHANNEL = (
    "no channel of HR is set: of a changed salary account HR's managers are told each in their own chat, and nobody "
    "where none of them has one; set DOORWARD_SLACK__HR_CHANNEL or DOORWARD_TEAMS__HR_CONVERSATION"
)
NAMED_AT_MOST = 10
SET = "••••••"
"""Instead of a secret that is there; one that is not shows as nothing."""

Place = tuple[str, ...]
Fields = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found of one part."""

    part: str
    problem: str = ""
    note: str = ""
    """What is good and worth knowing."""

    @property
    def good(self) -> bool:
        """Whether there is nothing to complain of."""
        return not self.problem


def shown(environ: Mapping[str, str]) -> list[Fields]:
    """Every setting in force, its value (no secret) and where that came from. Raises `Misconfigured`."""
    settings = load(environ)
    sources = (("environment", from_environment(environ)), (f"file {environ.get(CONFIG)}", from_file(environ)))
    return [
        {"setting": variable(place), "value": _value(place, value), "from": _source(place, sources)}
        for place, value in _leaves(settings, ())
    ]


def chosen(settings: Settings) -> list[SettingShown]:
    """What differs from its default, without a secret."""
    usual = {variable(place): value for place, value in _leaves(Settings(), ())}
    return [
        SettingShown(name=name, value=_in_words(_value(place, value)))
        for place, value in _leaves(settings, ())
        if (name := variable(place)) not in usual or usual[name] != value
    ]


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(map(str, value))
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _leaves(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    if isinstance(value, BaseModel) and not isinstance(value, DatedSecret):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), (*place, name))
    elif len(place) == 1 and place[0] in NAMED and isinstance(value, dict) and value:
        for name, named in value.items():
            yield from _leaves(named, (*place, name))
    else:
        yield place, value


def _value(place: Place, value: object) -> object:
    if place == ("database_url",) and isinstance(value, SecretStr):
        return _address(value.get_secret_value())
    if isinstance(value, SecretStr | DatedSecret):
        return SET if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return [_value(place, part) for part in value]
    return value if value is None or isinstance(value, str | int | dict) else str(value)


def _address(url: str) -> str:
    """The database's address without password and parameters, either of which may be secret."""
    try:
        return parse_url(url).set(query={}).render_as_string(hide_password=True)
    except Misconfigured:
        return SET


def _source(place: Place, sources: tuple[tuple[str, Mapping[str, Any]], ...]) -> str:
    return next((name for name, values in sources if _holds(values, place)), "default")


def _holds(values: object, place: Place) -> bool:
    for name in place:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def checked(settings: Settings, now: datetime) -> list[Finding]:
    """Everything `serve` stands on: settings, policies, keys, database. Changes nothing."""
    keys, trouble = _keys(settings, now)
    wrong = {
        "settings": list(problems(settings)),
        "policies": list(validate(POLICIES)),
        "keys": trouble,
        "database": list(_database(settings, keys)),
    }
    found = [
        finding
        for part, found in wrong.items()
        for finding in ([Finding(part=part, problem=problem) for problem in found] or [Finding(part=part)])
    ]
    told = [*_administrators(settings, keys, now), *_reviews(settings, keys, now), *_routes(settings, keys), *_texts()]
    return [*found, *told, *([] if has_hr_channel(settings) else [Finding(part="pay office", note=NO_CHANNEL)])]


def _administrators(settings: Settings, keys: Keyring | None, now: datetime) -> list[Finding]:
    """Told where there is one administrator alone; nothing where the database cannot be read, which is told already."""
    if keys is None:
        return []
    try:
        single = looked_up(settings, keys, lambda tx: is_single(tx, now))
    except DoorwardError:
        return []
    return [Finding(part="administrators", note=SINGLE_MODE)] if single else []


def _reviews(settings: Settings, keys: Keyring | None, now: datetime) -> list[Finding]:
    """What of break-glass waits for its two reviews; an old one is a problem, and so is an altered row."""
    if keys is None:
        return []
    part = "break-glass"
    try:
        waiting = looked_up(settings, keys, lambda tx: tx.break_glass.unreviewed())
    except IntegrityAlarm as alarm:
        return [Finding(part=part, problem=str(alarm))]
    except DoorwardError:
        return []
    if any(use.overdue(now) for use in waiting):
        return [Finding(part=part, problem=f"{len(waiting)} wait for review, one for over a week: `reviews`")]
    return [Finding(part=part, note=f"{len(waiting)} wait for review: `reviews`")] if waiting else []


def _routes(settings: Settings, keys: Keyring | None) -> list[Finding]:
    """Whom the routes name and nobody knows; nothing where the database cannot be read, which is told already."""
    if keys is None or not settings.approvals.routes:
        return []
    try:
        wrong, doubtful = looked_up(
            settings, keys, lambda tx: (list(unknown_people(settings, tx)), list(unheard(settings, tx)))
        )
    except DoorwardError:
        return []
    return [
        *(Finding(part="routes", problem=problem) for problem in wrong),
        *(Finding(part="routes", note=note) for note in doubtful),
    ]


def _texts() -> list[Finding]:
    """Languages that lack sentences; these are read in English meanwhile."""
    found = []
    for language in languages():
        if lacking := sorted(keys_of(DEFAULT_LANGUAGE) - keys_of(language)):
            named = ", ".join(lacking[:NAMED_AT_MOST]) + (", …" if len(lacking) > NAMED_AT_MOST else "")
            note = f"bot/texts/{language}.toml lacks {len(lacking)} sentence(s), which are in English: {named}"
            found.append(Finding(part="texts", note=note))
    return found


def _database(settings: Settings, keys: Keyring | None) -> Iterator[str]:
    url = settings.database_url.get_secret_value()
    try:
        database_file(settings)
        if not is_current(url):
            yield "DOORWARD_DATABASE_URL: this database does not have the newest schema; run `doorward migrate`"
            return
        looked_up(settings, keys or Keyring.generate(), lambda tx: _look(settings, tx, with_keys=keys is not None))
    except DoorwardError as error:
        yield error.detail or error.code


def _look(settings: Settings, tx: Transaction, *, with_keys: bool) -> None:
    """Raises `Misconfigured` for the demonstration's database, `IntegrityAlarm` where the keys are not its own."""
    refuse_demo_database(settings, tx.jobs.mark(DEMO_MARK))
    if with_keys:
        tx.links.everyone(1)
        tx.roles.everyone()
        tx.sessions.everyone(1)


def _keys(settings: Settings, now: datetime) -> tuple[Keyring | None, list[str]]:
    if settings.keys.file is None:
        return None, []  # told among the settings
    try:
        return keyring(settings, now), []
    except Misconfigured as refused:
        return None, [refused.detail]


def slack_manifest(
    public_url: str, *, socket_mode: bool = False, several_workspaces: bool = False, directory_emails: bool = False
) -> object:
    """The manifest of a Slack app that lives at this address. Raises `Misconfigured`: Slack calls https only.

    With Socket Mode Slack is told no address to call; in several workspaces tokens rotate, and an organisation may
    install it as a whole. Addresses of accounts are only asked for where they have to be the provider's
    (`DOORWARD_SLACK__DIRECTORY_EMAILS`).
    """
    parts = urlsplit(public_url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(
            f"{public_url!r} is no address that Slack can call: give --url https://…, or DOORWARD_PUBLIC_URL"
        )
    document = _placed(json.loads(MANIFEST.read_text(encoding="utf-8")), public_url.rstrip("/"))
    settings = document["settings"]
    if socket_mode:
        settings["socket_mode_enabled"] = True
        called = (settings["event_subscriptions"], settings["interactivity"], *document["features"]["slash_commands"])
        for part in called:
            part.pop("request_url", None)
            part.pop("url", None)
    if several_workspaces:
        settings |= {"org_deploy_enabled": True, "token_rotation_enabled": True}
    if directory_emails:
        bot = document["oauth_config"]["scopes"]["bot"]
        document["oauth_config"]["scopes"]["bot"] = sorted({*bot, EMAIL_SCOPE})
    return document


def _placed(part: Any, url: str) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(part, dict):
        return {name: _placed(value, url) for name, value in part.items()}
    if isinstance(part, list):
        return [_placed(value, url) for value in part]
    return part.replace(PLACE_IN_MANIFEST, url) if isinstance(part, str) else part
