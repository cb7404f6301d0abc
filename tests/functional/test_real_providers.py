"""With npm's `oidc-provider` behind us: rotation with reuse detection, disabling, acr, mix-up and a real logout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn

from adapters.idp.demo_provider import DemoProvider
from adapters.idp.oidc import OidcProvider
from bot.bootstrap.directories import logout_verifier
from bot.bootstrap.serving import listen
from bot.errors import AccountRevoked, SignInRefused
from bot.ports.identity_provider import SignIn
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.person_at_provider import PersonAtProvider
from tests.fakes.signals import ways_in
from tests.fakes.world import World, url_in, world
from tests.node_provider import MULTI_FACTOR, NodeProvider, node_provider

REDIRECT_URI = "http://127.0.0.1:9/signin/callback/node"
LOGOUT_PORT_URI = "/oidc/backchannel-logout"
MESSAGES = 25
"""On each replica."""


@pytest.fixture(scope="module")
def provider() -> Iterator[NodeProvider]:
    with node_provider([REDIRECT_URI]) as running:
        yield running


@pytest.fixture
def clock(provider: NodeProvider) -> FixedClock:
    """The provider is a process of its own, with the machine's time; the bot's clock starts at the same."""
    return FixedClock(datetime.now(UTC) + timedelta(seconds=provider.ahead_seconds))


@pytest.fixture
def person() -> Iterator[PersonAtProvider]:
    with PersonAtProvider(one_each=True) as at_provider:
        yield at_provider


def adapter(provider: NodeProvider | DemoProvider, name: str = "node") -> OidcProvider:
    return OidcProvider(
        name=name,
        kind="oidc",
        authority=provider.issuer,
        transport_url=provider.transport_url,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
    )


@asynccontextmanager
async def at(provider: NodeProvider, folder: Path, clock: FixedClock, keys: Keyring, url: str) -> AsyncIterator[World]:
    identity = adapter(provider)
    try:
        async with world(folder, clock, url=url, keys=keys, providers={"node": identity}) as made:
            yield made
    finally:
        await identity.close()


@pytest.fixture
async def here(provider: NodeProvider, tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with at(provider, tmp_path, clock, Keyring.generate(), f"sqlite:///{tmp_path / 'world.db'}") as made:
        yield made


async def sign_in(
    here: World,
    person: PersonAtProvider,
    name: str,
    *,
    max_age: int | None = None,
    acr_values: tuple[str, ...] = (),
    redirect_uri: str = REDIRECT_URI,
) -> SignIn:
    identity = here.core.outside.providers["node"]
    person.show(name)
    attempt = await identity.begin_sign_in(
        redirect_uri=redirect_uri, state="s", login_hint=name, max_age=max_age, acr_values=acr_values
    )
    response = await asyncio.to_thread(person.sign_in, attempt.authorize_url, redirect_uri)
    signed = await identity.complete_sign_in(flow=attempt.flow, response=response, now=here.clock.now())
    await here.sign_in(name, signed, provider="node")
    return signed


@pytest.mark.requirement("25")
async def test_fifty_messages_on_two_replicas_never_show_a_refresh_token_twice(
    provider: NodeProvider, person: PersonAtProvider, tmp_path: Path, clock: FixedClock
) -> None:
    keys, url = Keyring.generate(), f"sqlite:///{tmp_path / 'world.db'}"
    async with (
        at(provider, tmp_path, clock, keys, url) as one,
        at(provider, tmp_path, clock, keys, url) as second,
    ):
        two = replace(second, identities=one.identities)
        await sign_in(one, person, "sue")
        before = provider.told()
        for messages in (MESSAGES, 3):  # the second time with what the first refresh brought
            clock.advance(timedelta(minutes=2))
            provider.advance(120)
            sent = [
                replica.core.ingress.accept(replica.message("sue", text="customer Northwind Traders"))
                for _ in range(messages)
                for replica in (one, two)
            ]
            # A slow acknowledgement is the platform's business: what was stored is worked on all the same.
            await asyncio.gather(*sent, return_exceptions=True)
            await asyncio.gather(one.core.ingress.drain(30), two.core.ingress.drain(30))
        after = provider.told()
        assert (after["refreshed"] - before["refreshed"], after["reused"] - before["reused"]) == (2, 0)
        answers = [posted.text for replica in (one, two) for posted in replica.chat.posts]
        assert answers
        assert [answer for answer in answers if "Northwind Traders" not in answer] == []


async def test_a_refresh_token_shown_twice_would_be_noticed(
    provider: NodeProvider, person: PersonAtProvider, here: World
) -> None:
    """So that the test above can fail."""
    signed = await sign_in(here, person, "ada")
    identity, subject, now = here.core.outside.providers["node"], signed.claims.subject, here.clock.now()
    await identity.revalidate(subject=subject, token_cache=signed.token_cache, now=now)
    before = provider.told()["reused"]
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=subject, token_cache=signed.token_cache, now=now)
    assert provider.told()["reused"] == before + 1


@pytest.mark.requirement("30", "45")
async def test_somebody_disabled_at_the_provider_gets_nothing_sensitive_in_the_next_message(
    provider: NodeProvider, person: PersonAtProvider, here: World
) -> None:
    await sign_in(here, person, "sue")
    await here.enrol("sue")
    await here.say("sue", "my payslip")
    address = url_in(here.last("sue"))
    provider.disable("sue")
    try:
        answer = await here.prove_on_page("sue", address)
        assert answer.continue_path is None
        assert [record.event.code for record in await here.audit(type_prefix="session.ended")] == ["idp.revoked"]
        identity = here.identity("sue")
        assert not await here.database.read(lambda tx: tx.sessions.of_identity(identity))
    finally:
        provider.enable("sue")


@pytest.mark.requirement("23")
async def test_freshness_and_context_are_what_was_asked_for_or_it_is_no_sign_in(
    provider: NodeProvider, person: PersonAtProvider, here: World
) -> None:
    plain = await sign_in(here, person, "john")
    assert plain.claims.acr != MULTI_FACTOR
    provider.advance(5)
    here.clock.advance(timedelta(seconds=5))
    strong = await sign_in(here, person, "john", max_age=0, acr_values=(MULTI_FACTOR,))
    assert strong.claims.acr == MULTI_FACTOR
    assert strong.claims.auth_time is not None
    assert plain.claims.auth_time is not None
    assert strong.claims.auth_time >= plain.claims.auth_time + timedelta(seconds=5)
    provider.change("john", weak=True)
    try:
        with pytest.raises((SignInRefused, AssertionError)):
            await sign_in(here, person, "john", max_age=0, acr_values=(MULTI_FACTOR,))
    finally:
        provider.change("john", weak=False)


@pytest.mark.requirement("31")
async def test_signing_out_at_the_provider_ends_the_session_here(tmp_path: Path, person: PersonAtProvider) -> None:
    listener = listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    redirect_uri = f"{origin}/signin/callback/node"
    clock = FixedClock(datetime.now(UTC))
    with node_provider([redirect_uri], logout_uri=f"{origin}{LOGOUT_PORT_URI}") as provider:
        async with at(provider, tmp_path, clock, Keyring.generate(), f"sqlite:///{tmp_path / 'world.db'}") as here:
            identity = here.core.outside.providers["node"]
            assert isinstance(identity, OidcProvider)
            app = ways_in(here, verify=logout_verifier({"node": identity}))
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                await sign_in(here, person, "john", redirect_uri=redirect_uri)
                assert "14 days" in await here.say("john", "balance")
                address = await identity.end_session_url()
                assert address is not None
                await asyncio.to_thread(_sign_out, person.browser, address)
                assert provider.told()["logouts"] == 1, provider.complaints()
                assert "14 days" not in await here.say("john", "balance")
                received = await here.audit(type_prefix="signal.received")
                assert [record.event.principal for record in received] == [here.identity("john").key]
            finally:
                server.should_exit = True
                await serving


def _sign_out(browser: httpx2.Client, address: str) -> None:
    """The provider asks whether it is meant, and is told so."""
    page = browser.get(address)
    xsrf = page.text.partition('name="xsrf" value="')[2].partition('"')[0]
    action = page.text.partition('action="')[2].partition('"')[0]
    answer = browser.post(page.url.join(action), data={"xsrf": xsrf, "logout": "yes"})
    assert answer.is_redirect, answer.text


@pytest.mark.requirement("21")
async def test_an_answer_of_one_real_provider_is_none_of_the_other(
    provider: NodeProvider, person: PersonAtProvider
) -> None:
    """Mix-up (RFC 9700 §4.4): the same browser, the same state, a real code of the other provider."""
    with DemoProvider.start(redirect_uris=[REDIRECT_URI]) as canaille:
        node, other = adapter(provider), adapter(canaille, "canaille")
        answers, flows = {}, {}
        for name, identity in (("node", node), ("canaille", other)):
            person.show("mia")
            attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="same", login_hint="mia")
            answers[name] = await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
            flows[name] = attempt.flow
        now = datetime.now(UTC) + timedelta(seconds=provider.ahead_seconds)
        before = len(provider.told()["refused"])
        for identity, flow, answer in (
            (node, flows["node"], answers["canaille"]),
            (other, flows["canaille"], answers["node"]),
            (node, flows["canaille"], answers["canaille"]),
            (other, flows["node"], answers["node"]),
            (node, flows["node"], answers["canaille"] | {"iss": provider.issuer}),
        ):
            with pytest.raises(SignInRefused):
                await identity.complete_sign_in(flow=flow, response=answer, now=now)
        # Only the last one, which lies about its issuer, was taken to a token endpoint at all, and refused there.
        assert len(provider.told()["refused"]) == before + 1
        assert (await node.complete_sign_in(flow=flows["node"], response=answers["node"], now=now)).claims.username
        await node.close()
        await other.close()
