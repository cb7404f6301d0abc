"""The playground in a real browser, with a core that answers from a script."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, Route, expect

from bot.domain.cards import (
    Action,
    ActionStyle,
    Audience,
    Card,
    Dialog,
    DialogField,
    Fact,
    FieldKind,
    Quote,
    Reply,
    Status,
)
from bot.domain.messages import EventKind, IncomingMessage, ReplyWindow
from bot.ports.ingress import DialogClosed, FieldError
from bot.ports.trace import Step, StepOutcome, TraceEntry
from tests.functional.browser.conftest import Accessible
from tests.functional.browser.stage import Stage

pytestmark = pytest.mark.browser

URI = "otpauth://totp/Doorward:mia?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Doorward"
REQUEST = Card(
    headline="Leave for john: Mon 21 – Wed 23 Dec, 3 days",
    facts=(Fact(label="Kind", value="Paid time off"),),
    quotes=(Quote(author="john", text="<img src=x onerror=alert(1)>"),),
    actions=(
        Action(label="Approve…", handle="opaque-1", style=ActionStyle.PRIMARY, opens_dialog=True),
        Action(label="Details", url="/pages/somewhere"),
    ),
    status=Status.WAITING,
    quiet="Demo HR",
)
CODE = Dialog(
    handle="opaque-2",
    title="Approve leave",
    submit="Approve",
    signed=REQUEST.facts,
    fields=(
        DialogField(name="note", label="Note", optional=True),
        DialogField(name="code", label="Code", kind=FieldKind.CODE),
    ),
)


async def open_as(page: Page, stage: Stage, person: str) -> None:
    """Open the playground past its first screen, speaking as somebody."""
    john = stage.platform.identity("john")
    stage.platform.say("john", await stage.platform.direct_place(john), "Good morning")
    await page.goto(stage.origin)
    await page.get_by_test_id(f"person-{person}").click()
    await expect(page.get_by_test_id(f"person-{person}")).to_have_attribute("aria-current", "true")
    await expect(page.locator("#place-sub")).to_contain_text(person)


async def say(page: Page, text: str) -> None:
    await page.get_by_test_id("composer").fill(text)
    await page.get_by_test_id("composer").press("Enter")


async def test_the_first_screen_has_one_button_and_it_asks(page: Page, stage: Stage, accessible: Accessible) -> None:
    async def answer(message: IncomingMessage) -> None:
        await stage.answer(message, Card(headline="Sign in first", status=Status.NEEDS_PROOF))

    stage.ingress.script = answer
    await page.goto(stage.origin)
    await expect(page.get_by_test_id("first-run-go")).to_be_focused()
    await accessible(page)
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("card")).to_contain_text("Sign in first")
    await expect(page.get_by_test_id("first-run")).to_be_hidden()
    assert [message.text for message in stage.ingress.accepted] == ["my payslip"]
    assert stage.ingress.accepted[0].who == stage.platform.identity("john")


@pytest.mark.parametrize("width", [360, 1360])
async def test_a_conversation_with_cards_is_accessible(
    page: Page, stage: Stage, accessible: Accessible, width: int
) -> None:
    await page.emulate_media(reduced_motion="reduce")
    await page.set_viewport_size({"width": 1360, "height": 800})
    stage.ingress.script = lambda message: _ignore(stage.answer(message, REQUEST))
    await open_as(page, stage, "mia")
    await say(page, "waiting")
    await expect(page.get_by_test_id("card")).to_be_visible()
    await page.set_viewport_size({"width": width, "height": 800})
    for look in ("slack", "teams"):
        await page.get_by_test_id("look").select_option(look)
        await accessible(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 760:
        for tab in ("people", "door"):
            await page.get_by_test_id(f"tab-{tab}").click()
            await accessible(page)


async def _ignore(posted: object) -> None:
    await posted  # type: ignore[misc]  # a coroutine whose result nobody needs


async def test_what_anybody_wrote_is_shown_as_text(page: Page, stage: Stage) -> None:
    stage.ingress.script = lambda message: _ignore(stage.answer(message, REQUEST))
    await open_as(page, stage, "mia")
    await say(page, "<b>bold</b>")
    await expect(page.get_by_text("<b>bold</b>", exact=True)).to_be_visible()
    await expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


async def test_a_press_opens_a_dialog_and_the_code_is_handed_over_apart(
    page: Page, stage: Stage, accessible: Accessible
) -> None:
    async def script(message: IncomingMessage) -> None:
        if message.kind is EventKind.PRESS:
            assert message.trigger is not None
            await stage.platform.update_dialog(message.trigger, CODE)
        else:
            await stage.answer(message, REQUEST)

    stage.ingress.script = script
    stage.ingress.answer = FieldError(field="code", text="That code was not right.")
    stage.phone.scan("mia", URI)
    await open_as(page, stage, "mia")
    await say(page, "waiting")
    await page.get_by_test_id("action").first.click()
    await expect(page.get_by_test_id("dialog")).to_be_visible()
    await expect(page.get_by_test_id("dialog-field-note")).to_be_focused()
    await accessible(page)
    await page.get_by_test_id("dialog-field-note").fill("Enjoy")
    await page.get_by_test_id("dialog-use-code").click()
    await page.get_by_test_id("dialog-submit").click()
    await expect(page.get_by_test_id("dialog-error-code")).to_contain_text("That code was not right.")
    stage.ingress.answer = DialogClosed()
    await page.get_by_test_id("dialog-submit").click()
    await expect(page.get_by_test_id("dialog")).to_be_hidden()

    pressed = stage.ingress.accepted[-1]
    assert (pressed.handle, pressed.window) == ("opaque-1", ReplyWindow.OPENS_DIALOG)
    submitted, code = stage.ingress.codes[-1]
    assert (submitted.handle, submitted.fields) == ("opaque-2", {"note": "Enjoy"})
    screen = stage.phone.screen("mia")
    assert screen is not None
    assert len(code) == len(screen.code)


async def test_a_dialog_without_anything_to_send_leads_to_our_page(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    dialog = Dialog(
        handle="",
        title="On our page",
        submit="",
        links=(Action(label="Open the page", url=f"{stage.origin}/static/logo.svg"),),
    )
    await stage.platform.open_dialog(stage.platform.trigger("mia", stage.platform.place("dm-mia")), dialog)
    await expect(page.get_by_test_id("dialog-submit")).to_have_count(0)
    async with page.context.expect_page() as opened:
        await page.get_by_test_id("dialog-link").click()
    assert (await opened.value).url == f"{stage.origin}/static/logo.svg"
    await expect(page.get_by_test_id("dialog")).to_be_hidden()


async def test_a_dialog_is_left_with_escape(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    place = stage.platform.place("dm-mia")
    view = await stage.platform.open_dialog(stage.platform.trigger("mia", place), CODE)
    assert view is not None
    await expect(page.get_by_test_id("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("dialog")).to_be_hidden()
    await page.reload()
    await expect(page.get_by_test_id("messages")).to_be_attached()
    assert stage.platform.open_dialogs("mia") == []


async def test_an_answer_for_one_person_is_not_on_anybody_elses_page(page: Page, stage: Stage) -> None:
    stage.ingress.script = lambda message: _ignore(stage.answer(message, Card(headline="Only for mia")))
    await open_as(page, stage, "mia")
    await page.get_by_test_id("place-hr-leave").click()
    await say(page, "@Doorward what waits?")
    await expect(page.get_by_text("Only visible to you")).to_be_visible()
    await page.get_by_test_id("person-raj").click()
    await page.get_by_test_id("place-hr-leave").click()
    await expect(page.get_by_test_id("message")).to_have_count(1)
    await expect(page.get_by_test_id("card")).to_have_count(0)


async def test_a_posted_card_changes_in_place(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    place, mia = stage.platform.place("dm-mia"), stage.platform.identity("mia")
    posted = await stage.platform.post(place, mia, Reply(audience=Audience.PERSON, card=REQUEST), dedupe_key="1")
    assert posted is not None
    await expect(page.get_by_test_id("action")).to_have_count(2)
    decided = Card(headline=REQUEST.headline, body="Approved by mia", status=Status.ALLOWED)
    await stage.platform.update(place, posted, Reply(audience=Audience.PERSON, card=decided))
    await expect(page.get_by_test_id("card-status")).to_have_text("Allowed")
    await expect(page.get_by_test_id("action")).to_have_count(0)


async def test_times_are_the_persons_own_and_say_so_whatever_the_browsers(browser: Browser, stage: Stage) -> None:
    context = await browser.new_context(locale="en-GB", timezone_id="America/New_York")
    try:
        page = await context.new_page()
        await open_as(page, stage, "raj")
        place, raj = stage.platform.place("dm-raj"), stage.platform.identity("raj")
        await stage.platform.post(place, raj, Reply(audience=Audience.PERSON, card=REQUEST), dedupe_key="1")
        [post] = [post for post in stage.platform.posts("raj") if post.card]
        there = post.at.astimezone(ZoneInfo("Asia/Kolkata")).strftime("%H:%M")
        await expect(page.locator("#posts time").last).to_have_text(there)
        await expect(page.locator("#place-sub")).to_contain_text("times: Asia/Kolkata")
        await say(page, "hello")
        await expect(page.get_by_test_id("message")).to_have_count(2)
        assert stage.ingress.accepted[-1].timezone == "Asia/Kolkata"
    finally:
        await context.close()


async def test_slash_commands_are_completed_by_keyboard(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "raj")
    await page.get_by_test_id("composer").press_sequentially("/doorward who")
    await expect(page.get_by_test_id("completion")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("[role=option][aria-selected=true]")).to_contain_text("whoami")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("composer")).to_have_value("/doorward whoami")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("composer")).to_have_value("")
    await expect(page.get_by_test_id("message").last).to_contain_text("/doorward whoami")
    assert [(message.kind, message.text) for message in stage.ingress.accepted] == [(EventKind.COMMAND, "whoami")]


async def test_the_glass_door_shows_the_trace_of_this_persons_message(page: Page, stage: Stage) -> None:
    async def script(message: IncomingMessage) -> None:
        entry = TraceEntry(
            step=Step.DECIDE, outcome=StepOutcome.NO, seconds=0.0002, rules=("own-payslip",), code="not_permitted"
        )
        stage.tracer.record(message.event_id, entry)

    stage.ingress.script = script
    await open_as(page, stage, "mia")
    await say(page, "show me john's payslip")
    await expect(page.get_by_test_id("step-decide")).to_have_attribute("data-outcome", "no")
    await expect(page.get_by_test_id("step-decide")).to_contain_text("own-payslip")
    await expect(page.get_by_test_id("step-effect")).to_contain_text("not reached")
    await expect(page.get_by_test_id("glass-door")).to_contain_text("show me john's payslip")
    await page.get_by_test_id("person-raj").click()
    await expect(page.get_by_test_id("step-decide")).to_have_count(0)


async def test_the_two_switches(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    before = stage.clock.ahead
    await page.get_by_test_id("hour").click()
    await expect(page.get_by_test_id("divider")).to_have_text("An hour passed.")
    assert (stage.clock.ahead - before).total_seconds() == 3600
    await page.get_by_test_id("account").click()
    await expect(page.get_by_test_id("person-mia")).to_contain_text("account disabled")
    await page.get_by_test_id("account").click()
    await expect(page.get_by_test_id("person-mia")).not_to_contain_text("account disabled", use_inner_text=True)
    assert stage.provider.orders == [("advance", 3600.0), ("disable", "mia"), ("enable", "mia")]


async def test_the_phone_shows_the_code_of_whoever_speaks(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    await expect(page.get_by_test_id("phone-empty")).to_be_visible()
    stage.phone.scan("mia", URI)
    await page.reload()
    await expect(page.get_by_test_id("phone-code")).to_have_text("".join(_grouped(stage, "mia")))
    await page.get_by_test_id("person-raj").click()
    await expect(page.get_by_test_id("phone-empty")).to_be_visible()


def _grouped(stage: Stage, person: str) -> tuple[str, str, str]:
    screen = stage.phone.screen(person)
    assert screen is not None
    return screen.code[:3], " ", screen.code[3:]


async def test_somebody_elses_news_is_counted_beside_them(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "raj")
    mia = stage.platform.identity("mia")
    place = await stage.platform.direct_place(mia)
    await stage.platform.post(place, mia, Reply(audience=Audience.PERSON, card=REQUEST), dedupe_key="1")
    await expect(page.get_by_test_id("person-mia")).to_contain_text("1 unread")
    await page.get_by_test_id("person-mia").click()
    await expect(page.get_by_test_id("card")).to_be_visible()
    await page.get_by_test_id("person-raj").click()
    await expect(page.get_by_test_id("person-mia")).not_to_contain_text("unread")


async def test_the_tour_takes_one_press_a_step_and_can_be_put_away(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "john")
    await page.get_by_test_id("tour-go").click()
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await page.get_by_test_id("tour-close").click()
    await expect(page.get_by_test_id("tour")).to_be_hidden()
    await page.reload()
    await expect(page.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("tour")).to_be_hidden()


async def test_a_place_pressed_before_the_page_caught_up_is_the_new_persons(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    await page.get_by_test_id("place-hr-leave").click()
    caught_up = asyncio.Event()

    async def late(route: Route) -> None:
        await caught_up.wait()
        await route.continue_()

    await page.route("**/play/stream?person=raj", late)
    async with page.expect_request("**/play/stream?person=raj"):
        await page.get_by_test_id("person-raj").click()
    await page.get_by_test_id("place-direct").click()
    caught_up.set()
    await expect(page.locator("#place-sub")).to_contain_text("direct message with raj")
    await say(page, "/doorward whoami")
    await expect(page.get_by_test_id("message")).to_have_count(1)


async def test_words_that_could_not_be_sent_come_back(page: Page, stage: Stage) -> None:
    await open_as(page, stage, "mia")
    stage.ingress.failure = TimeoutError()
    await say(page, "waiting")
    await expect(page.get_by_test_id("toast")).to_contain_text("please do it again")
    await expect(page.get_by_test_id("composer")).to_have_value("waiting")
