"""The sign-in pages: a ticket from chat, the ways back from chat platform and company, the naming page, signing out."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import structlog
from starlette.responses import Response

from adapters.web.elsewhere import CODES, Elsewhere
from adapters.web.forms import read_query
from adapters.web.pages import OWN_RECORDS, Pages, go
from adapters.web.passkey_options import options_for
from adapters.web.proving import CEREMONY, CREDENTIAL, Wrong
from adapters.web.scribes import scribe_of
from adapters.web.site import ChatName
from adapters.web.visitors import Visit
from adapters.web.way_back import chat_link
from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import IncomingMessage
from bot.domain.proof import ProofMethod
from bot.domain.session import SessionState
from bot.errors import DoorwardError, HandleSpent, Malformed, NotProven
from bot.ports.database import Transaction
from bot.services import tickets
from bot.services.further_accounts import Given
from bot.services.legs import Named, SignedIn

log = structlog.get_logger("doorward.web")
MAX_TICKET = 128
NEXT = re.compile(r"/(?:(?:consent|view|write|setup)/[A-Za-z0-9_-]{20,64}|enrol|me)")
"""Where a sign-in for our own pages may lead: nothing that comes from a browser is followed beyond these."""
ACCOUNTS, CONTINUE, START, SIGN_OUT = "/signin/accounts", "/signin/continue", "/signin/start", "/signout"
ASKED_AGAIN = f"sign_in.{SessionState.SILENT}"


class SigningIn:
    """Drives `bot.services.linking` from a browser."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._web = pages.web
        self._linking = pages.web.linking
        self._elsewhere = Elsewhere(pages)

    async def offer(self, visit: Visit) -> Response:
        """Name the chat account a ticket is for. Takes nothing, so a link scanner does no harm."""
        handle = _ticket(read_query(visit.request))
        ticket = await self._linking.look(handle)
        name = await self._name(visit, ticket.channel)
        return self._pages.form(
            visit,
            "sign_in.html",
            chat_account=name.account,
            chat_place=name.place,
            form_action=START,
            hidden_fields={"ticket": handle},
            # Whoever is linked goes to the provider of the link: there is nothing to choose.
            providers=[] if await self._linking.is_linked(ticket.channel) else self._choices(),
        )

    async def start(self, visit: Visit, form: dict[str, str]) -> Response:
        """Take the ticket with this browser, and send it on."""
        address = await self._linking.begin(_ticket(form), visit.browser_id, form.get("provider"))
        return go(address)

    async def chat_back(self, visit: Visit) -> Response:
        """The chat platform sends the browser back."""
        query, platform = read_query(visit.request), _platform(visit.handle("platform"))
        await self._walks(visit, query.get("state", ""))
        try:
            return await self._chat_back(visit, query, platform)
        except NotProven as error:
            if error.code not in CODES:
                raise
            return await self._elsewhere.page(visit, query.get("state", ""), error)

    async def _chat_back(self, visit: Visit, query: dict[str, str], platform: Platform) -> Response:
        browser_id = _same_browser(visit)
        if "code" not in query or "state" not in query:
            raise NotProven("the chat platform refused", code="chat.refused")
        return go(await self._linking.chat_back(platform, query["state"], query["code"], browser_id))

    async def company_back(self, visit: Visit) -> Response:
        """The company's provider sends the browser back."""
        query = read_query(visit.request)
        await self._walks(visit, query.get("state", ""))
        try:
            browser_id = _same_browser(visit)
            reached = await self._linking.company_back(
                visit.handle("provider"), query, browser_id, visit.src_ip, language=visit.voice.language
            )
        except NotProven as error:
            if error.code not in CODES:
                raise
            return await self._elsewhere.page(visit, query.get("state", ""), error)
        if isinstance(reached, SignedIn):
            return await self._signed_in(visit, reached)
        return await self._name_both(visit, reached)

    async def _walks(self, visit: Visit, state: str) -> None:
        """Know the chat that this very browser came from, before the leg is used up: any ending leads back to it."""
        if visit.is_new:
            return
        now, browser_id = visit.now, visit.browser_id
        visit.walks(await self._web.database.read(lambda tx: tickets.chat_of(tx, state, browser_id, now)))

    async def _name_both(self, visit: Visit, named: Named) -> Response:
        chat = await self._name(visit, named.channel)
        claims, provider = named.sign_in.claims, named.provider
        wrong = None if named.wrong is None else Wrong(refusal=named.wrong.refusal, tries_left=named.wrong.tries_left)
        return self._pages.form(
            visit,
            "accounts.html",
            status_code=HTTPStatus.OK if wrong is None else wrong.status_code,
            further=bool(named.methods),
            passkey_options=f"{ACCOUNTS}/options" if ProofMethod.PASSKEY in named.methods else "",
            with_code=ProofMethod.TOTP in named.methods,
            chat_code=named.chat_code,
            error="" if wrong is None else wrong.sentence(visit.voice),
            chat_account=chat.account,
            chat_place=chat.place,
            company_account=claims.username,
            company_place=f"{claims.display_name}, {self._web.providers.get(provider, provider)}",
            form_action=ACCOUNTS,
            hidden_fields={"leg": named.leg},
        )

    async def decide(self, visit: Visit, form: dict[str, str]) -> Response:
        """The naming page's two buttons."""
        leg, decision = form.get("leg", ""), form.get("decision")
        await self._walks(visit, leg)
        if decision == "link" or (decision == "yes" and form.get(CREDENTIAL)):  # a passkey's script says yes
            given = Given(
                code=form.get("code", ""), credential=form.get(CREDENTIAL, ""), ceremony=form.get(CEREMONY, "")
            )
            reached = await self._linking.confirm(leg, visit.browser_id, given)
            if isinstance(reached, Named):
                return await self._name_both(visit, reached)
            return await self._signed_in(visit, reached)
        if decision != "not_me":
            raise Malformed("neither yes nor no", code="form.malformed")
        await self._linking.decline(leg, visit.browser_id)
        return await self._pages.ends(visit, "not_linked", status=Status.DENIED)

    async def options(self, visit: Visit, form: dict[str, str]) -> Response:
        """A challenge over exactly the link of the naming page. Raises `HandleSpent`, `NotAllowed`."""
        identity, signs = await self._linking.signed_by(form.get("leg", ""), visit.browser_id)
        webauthn = self._web.webauthn
        answer = await self._web.database.write(
            lambda tx: options_for(tx, identity, webauthn, signs=signs, now=visit.now)
        )
        return Response(answer, media_type="application/json")

    async def go_on(self, visit: Visit, form: dict[str, str]) -> Response:
        """A company sign-in alone, for one of our pages."""
        following = form.get("next", "")
        if not NEXT.fullmatch(following):
            raise Malformed("not a page of ours", code="form.malformed")
        return go(await self.again(visit, following, provider=form.get("provider"), afresh="afresh" in form))

    async def again(self, visit: Visit, following: str, *, provider: str | None = None, afresh: bool) -> str:
        """Where the browser goes for a company sign-in that leads to `following`, past any it has when `afresh`."""
        if provider is not None and provider not in self._web.providers:
            raise Malformed("no such provider", code="form.malformed")
        return await self._linking.begin_in_browser(
            visit.browser_id, following, provider=provider, max_age=0 if afresh else None
        )

    def ask(self, visit: Visit, following: str) -> Response:
        """A page that asks for a company sign-in, before it says anything about what lies behind."""
        return self._step(visit, "sign_in_here", {"next": following})

    async def turn_away(self, visit: Visit, following: str, error: DoorwardError) -> Response:
        """Somebody else's page: it says no more than that, and offers to sign in as somebody else."""
        await self._pages.note_denied(visit, error)
        fields = {"next": following, "afresh": "yes"}
        return self._step(visit, "other_person", fields, status_code=HTTPStatus.FORBIDDEN, who=visit.owner.username)

    def _step(self, visit: Visit, key: str, fields: dict[str, str], **more: Any) -> Response:
        say = visit.voice.say
        return self._pages.form(
            visit,
            "step.html",
            heading=say(f"web.{key}.title"),
            sentence=say(f"web.{key}.sentence"),
            button=say(f"web.{key}.button"),
            choices=self._choices(),
            form_action=CONTINUE,
            hidden_fields=fields,
            step=key.replace("_", "-"),
            **more,
        )

    async def ask_sign_out(self, visit: Visit) -> Response:
        """The page with the button that ends this browser's session."""
        say = visit.voice.say
        return self._pages.form(
            visit,
            "step.html",
            heading=say("web.sign_out.title"),
            sentence=say("web.sign_out.sentence"),
            button=say("web.sign_out.button"),
            form_action=SIGN_OUT,
            step="sign-out",
            back_url="" if visit.person is None else await self._pages.way_back(visit) or OWN_RECORDS,
            back_label=say("web.sign_out.stay"),
        )

    async def sign_out(self, visit: Visit, form: dict[str, str]) -> Response:
        """End this browser's session, and write down whose it was."""
        await self._web.database.write(lambda tx: _end_browser(tx, visit))
        response = await self._pages.ends(visit, "signed_out")
        self._pages.cookie.clear(response)
        return response

    async def _signed_in(self, visit: Visit, signed: SignedIn) -> Response:
        """A new id for this browser (session fixation), then whatever waited."""

        def work(tx: Transaction) -> IncomingMessage | None:
            tx.browsers.end(visit.browser_id)
            return None if signed.channel is None else tx.pending.take(signed.channel, now=visit.now)

        waiting = await self._web.database.write(work)
        response = await self._after(visit, signed, waiting)
        if signed.browser is not None:
            self._pages.cookie.set(response, signed.browser.id)
        return response

    async def _after(self, visit: Visit, signed: SignedIn, waiting: IncomingMessage | None) -> Response:
        if signed.next_path:
            return go(signed.next_path)
        answer = None if waiting is None else await self._resume(visit, waiting)
        asked_again = answer is not None and answer.code == ASKED_AGAIN
        if asked_again and answer is not None and answer.continue_path is not None and signed.browser is not None:
            # The provider let its own session answer, and what waits takes a person: on to it, without another press.
            ticket = answer.continue_path.partition("ticket=")[2]
            return go(await self._linking.begin(ticket, signed.browser.id))
        if answer is not None and answer.continue_path is not None:
            return go(answer.continue_path)
        kind = "signed_in" if waiting is None else "signed_in_on" if answer is not None else "signed_in_later"
        back = "" if answer is None else answer.back
        headline = answer.draft.card.headline if answer is not None and answer.draft is not None else ""
        return self._pages.message(
            visit,
            kind,
            status=Status.ALLOWED,
            name=signed.display_name,
            headline=headline,
            back_url="" if signed.channel is None else back or chat_link(self._web.teams_bot, signed.channel),
        )

    async def _resume(self, visit: Visit, waiting: IncomingMessage) -> Answer | None:
        """Go on with what waited; the sign-in stands, whatever comes of that."""
        try:
            return await self._web.resume(waiting, visit.src_ip)
        except DoorwardError as error:
            log.warning("not_resumed", code=error.code)
            return None

    def _choices(self) -> list[tuple[str, str]]:
        """One button each where there are several providers; a single one needs no name."""
        return list(self._web.providers.items()) if len(self._web.providers) > 1 else []

    async def _name(self, visit: Visit, channel: ChannelIdentity) -> ChatName:
        if self._web.chat_name is not None:
            return await self._web.chat_name(channel)
        platform = visit.voice.say(f"platforms.{channel.platform}")
        return ChatName(account=channel.account, place=f"{channel.tenant}, {platform}")


def _end_browser(tx: Transaction, visit: Visit) -> None:
    tx.browsers.end(visit.browser_id)
    if visit.person is not None:
        scribe = scribe_of(visit.person, visit.now)
        tx.audit.append(
            scribe.event(EventType.SESSION_ENDED, resource=visit.person.identity.key, code="session.browser")
        )


def _ticket(fields: dict[str, str]) -> str:
    ticket = fields.get("ticket", "")
    if not ticket or len(ticket) > MAX_TICKET:
        raise HandleSpent(code="ticket.spent")
    return ticket


def _platform(name: str) -> Platform:
    try:
        return Platform(name)
    except ValueError:
        raise NotProven("no such platform", code="chat.refused") from None


def _same_browser(visit: Visit) -> str:
    """The browser that began; without its cookie nothing is looked up, so nothing can be used up."""
    if visit.is_new:
        raise NotProven("the browser has no cookie of ours", code="web.other_browser")
    return visit.browser_id
