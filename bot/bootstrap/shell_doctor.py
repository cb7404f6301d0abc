"""`doorward doctor`: everything `check` looks at, and then the live word of what Doorward talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from adapters import probes
from adapters.probes import Probe
from bot.bootstrap.setting_up_parts import PUBLIC, SLACK, TEAMS
from bot.bootstrap.shell_settings import Finding, checked
from bot.settings.directories import Idp, IdpKind
from bot.settings.tree import Settings
from bot.texts.sentences import Voice

Told = Callable[[str], None]


def examined(settings: Settings, now: Callable[[], datetime], reader: Voice, told: Told) -> list[Finding]:
    """What `check` finds, then what each provider and platform answers now; `told` hears whom we are asking.

    Nothing is changed anywhere: codes that nobody gave out are offered, and have to be refused as codes.
    """
    found = checked(settings, now())
    for name, probe in _live(settings, now, reader, told):
        part = f"{name}: {probe.what}"
        found.append(Finding(part=part, note=probe.found) if probe.good else Finding(part=part, problem=probe.fix))
    return found


def _live(settings: Settings, now: Callable[[], datetime], reader: Voice, told: Told) -> Iterator[tuple[str, Probe]]:
    for part, used in ((PUBLIC, True), (SLACK, settings.slack is not None), (TEAMS, settings.teams is not None)):
        if used:
            told(part.name)
            yield from ((part.name, probe) for probe in part.test(settings, reader, {}))
    for name, idp in settings.idps.items():
        told(f"idp {name}")
        yield from ((f"idp {name}", probe) for probe in _provider(settings, name, idp, now, reader))


def _provider(settings: Settings, name: str, idp: Idp, now: Callable[[], datetime], reader: Voice) -> Iterator[Probe]:
    suffix = "/v2.0" if idp.kind is IdpKind.ENTRA else ""
    authority, transport = (f"{url.rstrip('/')}{suffix}" if url else "" for url in (idp.authority, idp.transport_url))
    asked = probes.provider(
        authority,
        idp.client_id,
        idp.client_secret.get_secret_value(),
        redirect_uri=f"{settings.public_url.rstrip('/')}/signin/callback/{name}",
        transport=transport,
        reader=reader,
    )
    # A certificate signs an assertion instead of a secret: that is only proven by a sign-in.
    yield from asked if idp.client_secret.get_secret_value() else asked[:1]
    if asked[0].good:
        yield probes.clock(transport or authority, now=now, reader=reader)
