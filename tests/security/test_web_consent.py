"""Attacks on consent, codes, enrolment and private views: wrong person, wrong code, twice, too late."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from adapters.web.visitors import FRESH
from bot.capabilities.performing import VIEW_SECONDS
from bot.domain.cards import Status, plain_text
from bot.domain.interaction import Interaction
from bot.domain.proof import OWN_READING_SECONDS, Authenticator
from bot.domain.proposal import PROPOSAL_SECONDS
from bot.domain.totp import MAX_CONSECUTIVE_FAILURES, code_at
from bot.ports.database import Transaction
from bot.services.step_up import KEY_SHOWN
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, at_rest, fields_of, web_stage

NET_PAY = "€3,101.46"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
async def john(stage: Stage) -> Browser:
    """John, linked, signed in, with an authenticator app."""
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.enrol(browser, "john")
    return browser


async def signed_in(stage: Stage, person: str) -> Browser:
    browser = stage.browser()
    await stage.link(browser, person)
    return browser


async def authenticators(stage: Stage, person: str) -> list[Authenticator]:
    return await stage.database.read(lambda tx: list(tx.authenticators.of_identity(stage.identity(person))))


def chat_text(stage: Stage, person: str) -> str:
    """Everything the chat platform ever got for this person."""
    return "\n".join(plain_text(card) for card in stage.cards(person))


# The way it should go


@pytest.mark.requirement("92")
async def test_a_code_opens_ones_own_payslip_on_our_page_and_nowhere_else(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    assert "Open your payslip" in page.text
    assert NET_PAY not in page.text
    opened = await john.press(page, code=stage.code("john"), decision="yes")
    assert opened.status_code == 200
    assert NET_PAY in opened.text
    assert opened.headers["cache-control"] == "no-store"
    assert NET_PAY not in chat_text(stage, "john")
    assert [record.event.type for record in await stage.audit()][-5:] == [
        "access.decided",
        "proof.given",
        "effect.intended",
        "effect.finished",
        "view.opened",
    ]


async def test_a_manager_approves_on_our_page_and_the_card_in_chat_says_so(stage: Stage) -> None:
    await signed_in(stage, "john")
    mia = await signed_in(stage, "mia")
    await stage.enrol(mia, "mia")
    await stage.say("john", "take 21 to 23 December off")
    await stage.press("john", "Send request")
    await stage.press("mia", "Approve")
    page = await mia.get(stage.link_on_card("mia"))
    assert "Approve leave for John Carver" in page.text
    done = await mia.press(page, code=stage.code("mia"), decision="yes")
    assert done.status_code == 200
    assert "Approved" in done.text
    assert any(card.status is Status.ALLOWED and "Approved" in card.headline for card in stage.cards("mia"))


async def test_one_code_opens_ones_own_payslips_for_ten_minutes(stage: Stage, john: Browser, clock: FixedClock) -> None:
    page = await john.get(await stage.payslip_page("john"))
    assert "opens your own payslips in this session, for ten minutes" in page.text
    await john.press(page, code=stage.code("john"), decision="yes")
    clock.advance(minutes=9)
    again = await john.get(await stage.payslip_page("john"))
    assert 'name="code"' not in again.text
    assert NET_PAY in (await john.press(again, decision="yes")).text


async def test_a_page_without_a_code_field_asks_for_one_once_the_ten_minutes_are_over(
    stage: Stage, john: Browser, clock: FixedClock
) -> None:
    await john.press(await john.get(await stage.payslip_page("john")), code=stage.code("john"), decision="yes")
    clock.advance(minutes=9)
    late = await john.get(await stage.payslip_page("john"))
    clock.advance(seconds=OWN_READING_SECONDS - 9 * 60)
    refused = await john.press(late, decision="yes")
    assert refused.status_code == 422
    assert NET_PAY not in refused.text
    assert 'name="code"' in refused.text
    assert NET_PAY in (await john.press(refused, code=stage.code("john"), decision="yes")).text


async def test_dont_voids_the_request(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    assert "Nothing was done" in (await john.press(page, decision="no", code="")).text
    assert stage.cards("john")[-1].headline == "Nothing was done."
    assert (await john.press(page, code=stage.code("john"), decision="yes")).status_code == 403
    assert "dismissed" in [record.event.decision for record in await stage.audit("access")]


async def test_dont_counts_after_the_chat_session_has_ended(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    await stage.database.write(lambda tx: tx.sessions.end(stage.channel("john")))
    fields = fields_of(page)
    path = f"{urlsplit(str(page.url)).path}/dismiss"
    assert "Nothing was done" in (await john.post(path, fields)).text
    assert (await john.get(path.removesuffix("/dismiss"))).status_code == 403


# Whose page it is


async def test_a_browser_nobody_signed_in_with_learns_nothing(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    stranger = stage.browser()
    page = await stranger.get(path)
    assert "Sign in to open this page" in page.text
    assert "payslip" not in page.text.lower()
    assert "john" not in page.text.lower()
    posted = await stranger.post(path, {**fields_of(page), "code": stage.code("john"), "decision": "yes"})
    assert (posted.status_code, posted.headers["location"]) == (303, path)


async def test_the_right_person_comes_back_to_the_page_after_signing_in(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    fresh = stage.browser()
    back = await stage.sign_in(fresh, "john", following=path)
    assert back.headers["location"] == path
    assert "Open your payslip" in (await fresh.get(path)).text


@pytest.mark.requirement("16", "17")
async def test_somebody_elses_consent_page_stays_closed(stage: Stage, john: Browser) -> None:
    mia = await signed_in(stage, "mia")
    await stage.enrol(mia, "mia")
    path = await stage.payslip_page("john")
    page = await mia.get(path)
    assert page.status_code == 403
    assert "for somebody else" in page.text
    assert "payslip" not in page.text.lower()
    assert "john" not in page.text.lower()
    fields = {**fields_of(page), "code": stage.code("mia"), "decision": "yes"}
    for attack in (
        path,
        f"{path}/dismiss",
        path.replace("consent", "enrol"),
        path.replace("consent", "enrol") + "/confirm",
    ):
        refused = await mia.post(attack, fields)
        assert refused.status_code == 403
        assert "payslip" not in refused.text.lower()
    denials = [record.event for record in await stage.audit("access") if record.event.code == "page.other_person"]
    assert {event.principal for event in denials} == {stage.identity("mia").key}
    assert len(denials) == 5
    opened = await john.press(await john.get(path), code=stage.code("john"), decision="yes")
    assert NET_PAY in opened.text, "and the owner still can"


async def test_somebody_else_is_asked_to_sign_in_past_any_session_at_the_provider(stage: Stage, john: Browser) -> None:
    mia = await signed_in(stage, "mia")
    page = await mia.get(await stage.payslip_page("john"))
    begun = await mia.press(page)
    assert parse_qs(urlsplit(begun.headers["location"]).query)["max_age"] == ["0"]


@pytest.mark.requirement("94")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_on_every_link_uses_nothing_up(stage: Stage, john: Browser, method: str) -> None:
    consent = await stage.payslip_page("john")
    scanner = stage.browser("198.51.100.1")
    view = await stage_view(stage, "john")
    enrol = consent.replace("consent", "enrol")
    for path in (consent, f"{consent}/dismiss", view, f"{view}/close", enrol, f"{enrol}/confirm", "/enrol", "/signout"):
        for browser in (scanner, john):
            assert (await browser.client.request(method, path)).status_code < 500
    assert NET_PAY in (await john.press(await john.get(consent), code=stage.code("john"), decision="yes")).text
    assert NET_PAY in (await john.press(await john.get(view))).text
    assert len(await authenticators(stage, "john")) == 1


@pytest.mark.requirement("42")
async def test_a_request_waits_five_minutes(stage: Stage, john: Browser, clock: FixedClock) -> None:
    path = await stage.payslip_page("john")
    page = await john.get(path)
    clock.advance(seconds=PROPOSAL_SECONDS)
    assert (await john.press(page, code=stage.code("john"), decision="yes")).status_code == 403
    assert (await john.get(path)).status_code == 403
    assert await stage.audit("effect") == []


@pytest.mark.requirement("50")
async def test_without_the_chat_session_the_page_leads_back_to_the_sign_in(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    await stage.database.write(lambda tx: tx.sessions.end(stage.channel("john")))
    answer = await john.press(page, code=stage.code("john"), decision="yes")
    assert answer.headers["location"].startswith("/signin/start?ticket=")
    assert await stage.audit("effect") == []


async def test_a_locked_persons_pages_are_closed(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    page = await john.get(path)

    def lock(tx: Transaction) -> None:
        known = tx.persons.find(stage.identity("john"))
        assert known is not None
        tx.persons.save(replace(known, locked=True, lock_reason="test"))

    await stage.database.write(lock)
    for refused in (
        await john.get(path),
        await john.press(page, code=stage.code("john"), decision="yes"),
        await john.get("/enrol"),
    ):
        assert refused.status_code == 403
        assert "Your access is locked" in refused.text


# Codes


@pytest.mark.requirement("34")
async def test_five_wrong_codes_close_the_page_to_the_right_one(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    said = []
    for _ in range(5):
        refused = await john.press(page, code=stage.wrong_code("john"), decision="yes")
        assert refused.status_code == 422
        said.append(refused.text)
    assert "4 tries are left." in said[0]
    assert "One try is left." in said[3]
    assert "left." not in said[4].split('data-testid="code-error"')[1].split("</p>")[0]
    right = await john.press(page, code=stage.code("john"), decision="yes")
    assert right.status_code == 429
    assert NET_PAY not in right.text
    codes = [record.event.code for record in await stage.audit("proof")]
    assert codes == ["totp.wrong"] * 5 + ["totp.throttled"]


async def test_right_codes_use_no_tries_up(stage: Stage, john: Browser, clock: FixedClock) -> None:
    clock.advance(minutes=15 - clock.now().minute % 15)  # the beginning of a window
    for _ in range(6):
        page = await john.get(await stage.payslip_page("john"))
        if 'name="code"' in page.text:
            assert (await john.press(page, code=stage.code("john"), decision="yes")).status_code == 200
        await stage.database.write(lambda tx: tx.proofs.void_all(stage.identity("john")))
        clock.advance(seconds=30)
    assert [record.event.code for record in await stage.audit("proof")] == ["totp"] * 6


@pytest.mark.requirement("35")
async def test_one_persons_wrong_codes_close_nothing_to_another(stage: Stage, john: Browser) -> None:
    mia = await signed_in(stage, "mia")
    await stage.enrol(mia, "mia")
    page = await john.get(await stage.payslip_page("john"))
    for _ in range(6):
        await john.press(page, code=stage.wrong_code("john"), decision="yes")
    theirs = await mia.get(await stage.payslip_page("mia"))
    assert (await mia.press(theirs, code=stage.code("mia"), decision="yes")).status_code == 200


@pytest.mark.requirement("32", "47")
async def test_a_code_counts_once(stage: Stage, john: Browser) -> None:
    code = stage.code("john")
    first = await john.get(await stage.payslip_page("john"))
    second = await john.get(await stage.payslip_page("john"))
    assert (await john.press(first, code=code, decision="yes")).status_code == 200
    assert (await john.press(second, code=code, decision="yes")).status_code == 422


@pytest.mark.requirement("33")
@pytest.mark.parametrize(("seconds", "counts"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
async def test_the_window_is_one_step_to_either_side(
    stage: Stage, john: Browser, clock: FixedClock, seconds: int, counts: bool
) -> None:
    clock.advance(minutes=2)
    page = await john.get(await stage.payslip_page("john"))
    code = code_at(stage.seeds["john"], clock.now() + timedelta(seconds=seconds))
    assert ((await john.press(page, code=code, decision="yes")).status_code == 200) is counts


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "0x1234", "-12345"])
async def test_what_is_no_code_is_a_wrong_code(stage: Stage, john: Browser, code: str) -> None:
    page = await john.get(await stage.payslip_page("john"))
    assert (await john.press(page, code=code, decision="yes")).status_code == 422


@pytest.mark.requirement("66", "71")
async def test_codes_and_keys_are_in_no_log_and_no_address(stage: Stage) -> None:
    with capture_logs() as logged:
        browser = await signed_in(stage, "john")
        await stage.enrol(browser, "john")
        page = await browser.get(await stage.payslip_page("john"))
        wrong, right = stage.wrong_code("john"), stage.code("john")
        refused = await browser.press(page, code=wrong, decision="yes")
        opened = await browser.press(refused, code=right, decision="yes")
    assert opened.status_code == 200
    for secret in (wrong, right, stage.seeds["john"], browser.cookie or "", NET_PAY):
        assert secret not in str(logged)
        assert secret not in str(await stage.audit())
    assert right not in str(opened.url)


@pytest.mark.requirement("34")
async def test_a_disabled_authenticator_takes_no_code_and_gives_no_way_around_itself(
    stage: Stage, john: Browser
) -> None:
    only = (await authenticators(stage, "john"))[0]

    def fail(tx: Transaction) -> None:
        for _ in range(MAX_CONSECUTIVE_FAILURES):
            tx.authenticators.count_attempt(only.id)

    page = await john.get(await stage.payslip_page("john"))
    await stage.database.write(fail)
    assert (await john.press(page, code=stage.code("john"), decision="yes")).status_code in {303, 403}
    own = await john.get("/enrol")
    assert "switched off" in own.text
    refused = await john.post("/enrol", fields_of(own))
    assert refused.status_code == 403
    assert "switched off" in refused.text
    assert [item.id for item in await authenticators(stage, "john")] == [only.id]


# Enrolment


async def test_the_first_code_signs_what_waits(stage: Stage) -> None:
    browser = await signed_in(stage, "john")
    first = await browser.get(await stage.payslip_page("john"))
    assert "First, something to prove it is you" in first.text
    shown = await browser.press(first)
    assert "Open your payslip" in shown.text
    assert "data:image/svg+xml" in shown.text
    stage.keep_seed("john", shown)
    opened = await browser.press(shown, code=stage.code("john"), decision="yes")
    assert NET_PAY in opened.text
    types = [str(record.event.type) for record in await stage.audit()]
    assert types.index("authenticator.bound") < types.index("proof.given") < types.index("effect.intended")


@pytest.mark.requirement("36")
async def test_a_key_is_shown_once(stage: Stage, tmp_path: Path) -> None:
    browser = await signed_in(stage, "john")
    shown = await browser.press(await browser.get("/enrol"))
    stage.keep_seed("john", shown)
    seed = stage.seeds["john"]
    assert len(seed) == 32, "160 bits in base32 (RFC 4226 §4 R6)"
    wrong = await browser.press(shown, code=stage.wrong_code("john"), decision="yes")
    assert wrong.status_code == 422
    for page in (wrong, await browser.get("/enrol")):
        assert seed not in page.text.replace(" ", "")
    assert seed.encode() not in at_rest(tmp_path)
    again = await browser.post("/enrol", fields_of(wrong))
    stage.keep_seed("john", again)
    assert stage.seeds["john"] != seed, "a new page has a new key"
    assert len(await authenticators(stage, "john")) == 1, "and the old one is gone"


@pytest.mark.requirement("38")
@pytest.mark.parametrize("where", ["own page", "consent page"])
async def test_an_authenticator_is_bound_only_after_a_fresh_sign_in(
    stage: Stage, clock: FixedClock, where: str
) -> None:
    browser = await signed_in(stage, "john")
    clock.advance(seconds=FRESH.total_seconds() + 1)
    path = "/enrol" if where == "own page" else await stage.payslip_page("john")
    begun = await browser.press(await browser.get(path))
    assert parse_qs(urlsplit(begun.headers["location"]).query)["max_age"] == ["0"]
    assert await authenticators(stage, "john") == []
    back = await browser.get(stage.at_company(begun, "john"))
    assert back.headers["location"] == path
    assert "Set up codes on your phone" in (await browser.press(await browser.get(path))).text


@pytest.mark.requirement("38")
async def test_a_key_shown_to_a_fresh_sign_in_is_not_confirmed_by_a_stale_one(stage: Stage, clock: FixedClock) -> None:
    browser = await signed_in(stage, "john")
    shown = await browser.press(await browser.get("/enrol"))
    stage.keep_seed("john", shown)
    clock.advance(seconds=FRESH.total_seconds() + 1)
    answer = await browser.press(shown, code=stage.code("john"), decision="yes")
    assert "max_age=0" in answer.headers["location"]
    assert [item.confirmed_at for item in await authenticators(stage, "john")] == [None]


@pytest.mark.requirement("38")
@pytest.mark.parametrize(("later", "bound"), [(KEY_SHOWN, True), (KEY_SHOWN + timedelta(seconds=1), False)])
async def test_a_key_that_was_left_on_a_page_is_confirmed_in_a_quarter_of_an_hour_or_never(
    stage: Stage, clock: FixedClock, later: timedelta, bound: bool
) -> None:
    """Whoever photographed it comes back with a fresh sign-in of John's, and makes it a factor of theirs."""
    first = await signed_in(stage, "john")
    stage.keep_seed("john", await first.press(await first.get("/enrol")))
    clock.advance(seconds=later.total_seconds())
    thief = stage.browser()
    await stage.sign_in(thief, "john")
    fields = fields_of(await thief.get("/enrol")) | {"code": stage.code("john"), "decision": "yes"}
    answer = await thief.post("/enrol/confirm", fields)
    assert [item.confirmed_at is not None for item in await authenticators(stage, "john")] == [bound]
    assert bound or answer.headers["location"] == "/enrol"


@pytest.mark.requirement("38")
async def test_a_second_authenticator_is_not_bound_over_the_first(stage: Stage, john: Browser) -> None:
    before = await authenticators(stage, "john")
    page = await john.get("/enrol")
    assert "How you prove it is you" in page.text
    assert "Authenticator app" in page.text
    fields = fields_of(await john.get("/signout"))
    assert (await john.post("/enrol", fields)).headers["location"] == "/enrol"
    consent = await stage.payslip_page("john")
    assert (await john.post(consent.replace("consent", "enrol"), fields)).headers["location"] == consent
    assert await authenticators(stage, "john") == before


async def test_an_unconfirmed_authenticator_proves_nothing(stage: Stage) -> None:
    browser = await signed_in(stage, "john")
    path = await stage.payslip_page("john")
    shown = await browser.press(await browser.get(path))
    stage.keep_seed("john", shown)
    around = await browser.post(path, {**fields_of(shown), "code": stage.code("john"), "decision": "yes"})
    assert (around.status_code, around.headers["location"]) == (303, path)
    assert await stage.audit("proof") == []


# Private views


async def stage_view(stage: Stage, person: str) -> str:
    """A view handle that nobody has opened yet, as the pipeline leaves it when a browser leg ends elsewhere."""
    sheet: dict[str, object] = {"title": "Payslip", "rows": [["Net", NET_PAY]], "total": None, "quiet": ""}
    interaction = Interaction(
        kind="view",
        payload=sheet,
        audience=stage.identity(person).key,
        until=stage.clock.now() + timedelta(seconds=VIEW_SECONDS),
    )
    handle = await stage.database.write(lambda tx: tx.interactions.create(interaction))
    return f"/view/{handle}"


async def test_looking_at_a_view_shows_none_of_it(stage: Stage, john: Browser) -> None:
    path = await stage_view(stage, "john")
    page = await john.get(path)
    assert NET_PAY not in page.text
    assert NET_PAY in (await john.press(page)).text


async def test_a_view_opens_once(stage: Stage, john: Browser) -> None:
    path = await stage_view(stage, "john")
    page = await john.get(path)
    assert (await john.press(page)).status_code == 200
    for refused in (await john.press(page), await john.get(path)):
        assert refused.status_code == 403
        assert NET_PAY not in refused.text
    assert len(await stage.audit("view")) == 1


async def test_reloading_what_a_code_opened_shows_it_no_more(stage: Stage, john: Browser) -> None:
    page = await john.get(await stage.payslip_page("john"))
    answer = {"code": stage.code("john"), "decision": "yes"}
    assert NET_PAY in (await john.press(page, **answer)).text
    reloaded = await john.press(page, **answer)
    assert reloaded.status_code == 403
    assert NET_PAY not in reloaded.text


async def test_a_view_waits_five_minutes(stage: Stage, john: Browser, clock: FixedClock) -> None:
    path = await stage_view(stage, "john")
    page = await john.get(path)
    clock.advance(minutes=5)
    assert (await john.press(page)).status_code == 403


async def test_a_view_opens_for_its_own_person_only(stage: Stage, john: Browser) -> None:
    mia = await signed_in(stage, "mia")
    path = await stage_view(stage, "john")
    page = await mia.get(path)
    stranger = stage.browser()
    hidden = await stranger.get(path)
    for refused in (
        page,
        await mia.post(path, fields_of(page)),
        hidden,
        await stranger.post(path, fields_of(hidden)),
    ):
        assert NET_PAY not in refused.text
    assert await stage.audit("view") == []
    assert NET_PAY in (await john.press(await john.get(path))).text


async def test_a_handle_of_another_kind_opens_nothing(stage: Stage, john: Browser) -> None:
    consent, view = await stage.payslip_page("john"), await stage_view(stage, "john")
    assert (await john.get(consent.replace("consent", "view"))).status_code == 403
    assert (await john.get(view.replace("view", "consent"))).status_code == 403


async def test_closing_leaves_a_page_without_values(stage: Stage, john: Browser) -> None:
    opened = await john.press(await john.get(await stage_view(stage, "john")))
    closed = await john.press(opened)
    assert closed.status_code == 200
    assert NET_PAY not in closed.text


@pytest.mark.requirement("91")
async def test_a_forged_proposal_is_an_alarm_and_a_no(stage: Stage, john: Browser, tmp_path: Path) -> None:
    path = await stage.payslip_page("john")
    with sqlite3.connect(tmp_path / "doorward.db") as raw:
        raw.execute("UPDATE proposals SET until = until + 1")
    refused = await john.get(path)
    assert refused.status_code == 403
    assert [record.event.code for record in await stage.audit("integrity")] == ["integrity.alarm"]
