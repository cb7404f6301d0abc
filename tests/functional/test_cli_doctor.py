"""`doorward doctor`: what `check` finds, and what providers and platforms answer at this moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters import probes
from bot.texts.sentences import voice
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, FakeOpenIdProvider
from tests.fakes.shell import Shell


@pytest.fixture
def provider() -> Iterator[FakeOpenIdProvider]:
    made = FakeOpenIdProvider(lambda: datetime.now(UTC))
    made.issuer = made.transport_url
    yield made
    made.close()


def at(provider: FakeOpenIdProvider, **changes: str) -> dict[str, str]:
    named = {"AUTHORITY": provider.transport_url, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, **changes}
    return {
        "DOORWARD_PUBLIC_URL": "https://doorward.example",
        **{f"DOORWARD_IDPS__CORP__{name}": value for name, value in named.items()},
    }


def asked(shell: Shell, environ: dict[str, str]) -> dict[str, dict[str, Any]]:
    told = shell("doctor", "--json", **environ)
    assert "Traceback" not in told.output
    return {row["part"]: row for row in json.loads(told.stdout)}


def test_what_works_is_said_part_by_part(shell: Shell, provider: FakeOpenIdProvider) -> None:
    found = asked(shell, at(provider))
    live = {part: row["good"] for part, row in found.items() if part.startswith("idp corp")}
    assert live == {"idp corp: discovery": True, "idp corp: client": True, "idp corp: clock": True}
    assert found["database"]["good"]
    told = shell("doctor", **at(provider))
    assert "asking: idp corp" in told.stderr
    assert CLIENT_SECRET not in told.output


def test_a_wrong_secret_has_its_fix_and_a_code_of_its_own(shell: Shell, provider: FakeOpenIdProvider) -> None:
    environ = at(provider, CLIENT_SECRET="not-the-one")
    told = shell("doctor", **environ)
    assert told.exit_code == 1
    assert "not-the-one" not in told.output
    row = asked(shell, environ)["idp corp: client"]
    assert (row["good"], "secret is wrong" in row["problem"]) == (False, True)


def test_a_provider_that_is_away_keeps_nothing_else_from_being_asked(
    shell: Shell, provider: FakeOpenIdProvider
) -> None:
    away = {name.replace("CORP", "AWAY"): value for name, value in at(provider).items() if "IDPS" in name}
    away["DOORWARD_IDPS__AWAY__AUTHORITY"] = "http://127.0.0.1:9"
    found = asked(shell, at(provider) | away)
    assert not found["idp away: discovery"]["good"]
    assert "idp away: clock" not in found
    assert found["idp corp: client"]["good"]


@pytest.mark.parametrize(("off", "good"), [(0, True), (15, True), (-40, False), (3600, False)])
def test_a_clock_that_is_off_is_told(provider: FakeOpenIdProvider, off: int, good: bool) -> None:
    probe = probes.clock(
        provider.transport_url, now=lambda: datetime.now(UTC) + timedelta(seconds=off), reader=voice("en")
    )
    assert probe.good is good
    assert good or "NTP" in probe.fix


def test_a_provider_without_a_date_is_no_trouble(provider: FakeOpenIdProvider) -> None:
    probe = probes.clock("http://127.0.0.1:9", now=lambda: datetime.now(UTC), reader=voice("en"))
    assert (probe.good, probe.found) == (True, "the provider says no time")
