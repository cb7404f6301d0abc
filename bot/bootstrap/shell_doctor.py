"""`doorward doctor`: everything `check` looks at, and then the live word of what Doorward talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from adapters import probes
from adapters.probes import Probe
from bot.bootstrap.setting_up_parts import is_used, parts, provider_addresses, provider_probes
from bot.bootstrap.shell_settings import Finding, checked
from bot.settings.directories import Idp
from bot.settings.tree import Settings
from bot.texts.sentences import Voice

Told = Callable[[str], None]


def examined(settings: Settings, now: Callable[[], datetime], reader: Voice, told: Told) -> list[Finding]:
    """What `check` finds, then what each provider, platform and system answers now; `told` hears whom we are asking.

    Nothing is changed anywhere: codes that nobody gave out are offered, and have to be refused as codes.
    """
    found = checked(settings, now())
    for name, probe in _live(settings, now, reader, told):
        part = f"{name}: {probe.what}"
        found.append(Finding(part=part, note=probe.found) if probe.good else Finding(part=part, problem=probe.fix))
    return found


def _live(settings: Settings, now: Callable[[], datetime], reader: Voice, told: Told) -> Iterator[tuple[str, Probe]]:
    for part in parts(settings):
        if part.name != "provider" and is_used(part, settings):
            told(part.name)
            yield from ((part.name, probe) for probe in part.test(settings, reader, {}))
    for name, idp in settings.idps.items():
        told(f"idp {name}")
        yield from ((f"idp {name}", probe) for probe in _provider(settings, name, idp, now, reader))


def _provider(settings: Settings, name: str, idp: Idp, now: Callable[[], datetime], reader: Voice) -> Iterator[Probe]:
    asked = provider_probes(settings, name, idp, reader)
    yield from asked
    if asked[0].good:
        authority, transport = provider_addresses(idp)
        yield probes.clock(transport or authority, now=now, reader=reader)
