"""Entra ID with Graph behind it: who is active, revoked or not to be known, in Graph's own words for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from adapters.idp.oidc import OidcProvider
from bot.bootstrap.providers import identity_provider
from bot.errors import AccountRevoked, ProviderUnavailable, SignInRefused
from bot.ports.identity_provider import SignIn
from bot.settings.directories import Attributes, GraphSettings, Idp, IdpKind
from tests.fakes.clock import FixedClock
from tests.fakes.graph import (
    GRAPH,
    GRAPH_CLIENT,
    GRAPH_SECRET,
    TENANT,
    Account,
    FakeEntra,
    FakeGraph,
    Trouble,
    fake_entra,
)
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT

REDIRECT_URI = "https://doorward.example/signin/callback/corp"
STAFF, MANAGERS = "11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002"
OTHERS = [f"22222222-0000-0000-0000-{number:012}" for number in range(40)]
OID = FakeEntra.object_id(SUBJECT)


@pytest.fixture
def both(clock: FixedClock) -> Iterator[tuple[FakeEntra, FakeGraph]]:
    with fake_entra(clock) as running:
        running[1].accounts[OID] = Account(
            id=OID, groups={STAFF}, properties={"department": "Sales", "officeLocation": "EU", "employeeId": "E1001"}
        )
        yield running


@pytest.fixture
def graph(both: tuple[FakeEntra, FakeGraph]) -> FakeGraph:
    return both[1]


@pytest.fixture
async def identity(both: tuple[FakeEntra, FakeGraph]) -> AsyncIterator[OidcProvider]:
    entra, graph = both
    provider = identity_provider(
        "corp",
        Idp(
            kind=IdpKind.ENTRA,
            authority=entra.authority,
            transport_url=entra.transport_url,
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            tenant_ids=(TENANT,),
            role_claims={"groups": {STAFF: "employee", MANAGERS: "line_manager", **dict.fromkeys(OTHERS, "auditor")}},
            attributes=Attributes(
                department="graph:department", region="graph:officeLocation", employee_number="graph:employeeId"
            ),
            graph=GraphSettings(
                client_id=GRAPH_CLIENT,
                client_secret=SecretStr(GRAPH_SECRET),
                base_url=GRAPH,
                transport_url=graph.transport_url,
            ),
        ),
    )
    yield provider
    await provider.close()


async def signed_in(identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], clock: FixedClock) -> SignIn:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="s")
    answer = both[0].authorize(attempt.authorize_url)
    return await identity.complete_sign_in(flow=attempt.flow, response=answer, now=clock())


async def test_a_sign_in_has_directory_ids_and_what_graph_says(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], clock: FixedClock
) -> None:
    claims = (await signed_in(identity, both, clock)).claims
    assert (claims.tenant, claims.object_id, claims.subject) == (TENANT, OID, SUBJECT)
    assert claims.roles == {"employee"}
    assert claims.groups == {STAFF}
    assert (claims.department, claims.region, claims.employee_number) == ("Sales", "EU", "E1001")


async def test_changed_groups_and_attributes_are_there_at_once_and_many_groups_are_asked_in_turns(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], graph: FakeGraph, clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    graph.accounts[OID].groups = {MANAGERS, OTHERS[-1], "a group that nothing hangs on"}
    graph.accounts[OID].properties = {"department": "Support"}
    graph.requests.clear()
    clock.advance(hours=2)
    again = await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    assert again.claims.roles == {"line_manager", "auditor"}
    assert (again.claims.department, again.claims.region, again.claims.employee_number) == ("Support", "", None)
    assert again.token_cache == signed.token_cache
    assert graph.requests.count(f"POST /v1.0/users/{OID}/checkMemberGroups") == 3


@pytest.mark.requirement("30", "45")
async def test_a_disabled_or_deleted_account_is_revoked(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], graph: FakeGraph, clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    graph.accounts[OID].enabled = False
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    with pytest.raises(SignInRefused):
        await signed_in(identity, both, clock)
    graph.accounts[OID].enabled = True
    await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    del graph.accounts[OID]
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())


TROUBLES = {
    "throttled": Trouble(429, "TooManyRequests", {"Retry-After": "7"}),
    "throttled without a time": Trouble(429, "activityLimitReached"),
    "overloaded": Trouble(503, "ServiceNotAvailable", {"Retry-After": "2"}),
    "broken": Trouble(500, "InternalServerError"),
    "token refused": Trouble(401, "InvalidAuthenticationToken"),
    "not permitted": Trouble(403, "Authorization_RequestDenied"),
    "another 404": Trouble(404, "ResourceNotFound"),
    "a 404 of no Graph": Trouble(404, "", {}, "<html>not here</html>"),
    "a redirect": Trouble(302, "", {"Location": "https://elsewhere.example/"}),
    "no JSON": Trouble(200, "", {}, "<html>"),
    "somebody else": Trouble(200, "", {}, '{"id": "oid-of-somebody-else", "accountEnabled": true}'),
    "nothing said": Trouble(200, "", {}, f'{{"id": "{OID}"}}'),
    "said in another type": Trouble(200, "", {}, f'{{"id": "{OID}", "accountEnabled": "true"}}'),
}


@pytest.mark.requirement("29", "30")
@pytest.mark.parametrize("name", TROUBLES)
async def test_what_is_no_answer_is_neither_revoked_nor_active(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], graph: FakeGraph, clock: FixedClock, name: str
) -> None:
    signed = await signed_in(identity, both, clock)
    graph.trouble = TROUBLES[name]
    with pytest.raises(ProviderUnavailable):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    with pytest.raises(ProviderUnavailable):
        await signed_in(identity, both, clock)


async def test_a_throttled_graph_is_left_alone_for_as_long_as_it_says(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], graph: FakeGraph, clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    graph.trouble = TROUBLES["throttled"]
    graph.requests.clear()
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    assert len(graph.requests) == 1


async def test_a_token_that_graph_refuses_is_taken_anew_and_otherwise_kept(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], graph: FakeGraph, clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    for _ in range(3):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    assert graph.tokens_given == 1
    graph.tokens.clear()
    with pytest.raises(ProviderUnavailable):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    assert graph.tokens_given == 2


async def test_company_sessions_are_ended_at_entra_and_seen_here_at_once(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    clock.advance(minutes=1)
    assert await identity.end_company_sessions(token_cache=signed.token_cache) is True
    with pytest.raises(AccountRevoked) as revoked:
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=clock())
    assert revoked.value.code == "idp.sessions_revoked"
    clock.advance(seconds=1)
    fresh = await signed_in(identity, both, clock)
    await identity.revalidate(subject=SUBJECT, token_cache=fresh.token_cache, now=clock())
    assert await identity.revoke(token_cache=fresh.token_cache) is False, "Entra has no RFC 7009"


async def test_without_the_permission_no_sessions_are_ended(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], graph: FakeGraph, clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    graph.permissions.discard("User.RevokeSessions.All")
    with pytest.raises(ProviderUnavailable):
        await identity.end_company_sessions(token_cache=signed.token_cache)


async def test_a_cache_of_somebody_else_is_no_revalidation(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], clock: FixedClock
) -> None:
    signed = await signed_in(identity, both, clock)
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject="somebody else", token_cache=signed.token_cache, now=clock())
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=SUBJECT, token_cache=b"{}", now=clock())


async def test_who_is_in_the_groups_is_told_page_by_page(identity: OidcProvider, graph: FakeGraph) -> None:
    for number in range(4):
        names = {"userPrincipalName": f"p{number}@company.example", "employeeId": f"E{number}"}
        graph.accounts[f"p{number}"] = Account(id=f"p{number}", groups={STAFF, MANAGERS}, properties=names)
    graph.accounts["p3"].enabled = False
    found = {member.object_id: member for member in await identity.members(TENANT, 100)}
    assert set(found) == {OID, "p0", "p1", "p2", "p3"}, "people alone, each once"
    assert found["p1"].groups == {STAFF, MANAGERS}
    assert found[OID].groups == {STAFF}
    assert (found["p0"].username, found["p0"].fields["employeeId"]) == ("p0@company.example", "E0")
    assert [member.enabled for member in (found["p2"], found["p3"])] == [True, False]


async def test_the_credential_follows_no_link_to_elsewhere(identity: OidcProvider, graph: FakeGraph) -> None:
    for number in range(4):
        graph.accounts[f"p{number}"] = Account(id=f"p{number}", groups={STAFF})
    graph.next_link = "https://evil.example/v1.0/groups"
    assert len(await identity.members(TENANT, 100)) == 2
    graph.trouble = Trouble(status=403, code="Authorization_RequestDenied")
    with pytest.raises(ProviderUnavailable):
        await identity.members(TENANT, 100)


async def test_a_claims_challenge_of_graph_is_met_by_a_new_application_token(
    identity: OidcProvider, both: tuple[FakeEntra, FakeGraph], clock: FixedClock
) -> None:
    known = await signed_in(identity, both, clock)
    both[1].challenge = '{"access_token":{"nbf":{"essential":true,"value":"1795467000"}}}'
    both[1].weak_tokens, both[1].tokens = set(both[1].tokens), set()
    given = both[1].tokens_given
    again = await identity.revalidate(subject=known.claims.subject, token_cache=known.token_cache, now=clock())
    assert again.claims.subject == known.claims.subject
    assert both[1].tokens_given == given + 1
