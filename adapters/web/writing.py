"""What must never be typed in a chat is typed here: the number of an account, then the consent page for exactly it."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from adapters.web.asked import OtherPerson, is_there
from adapters.web.pages import Pages, go
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from adapters.web.way_back import chat_link
from bot.capabilities.writing import asked_in, blanks_of
from bot.domain.cards import Status
from bot.domain.iban import NoAccountNumber, normal
from bot.domain.identity import ChannelIdentity
from bot.domain.interaction import Interaction
from bot.domain.messages import EventKind, IncomingMessage
from bot.errors import HandleSpent
from bot.ports.database import Transaction
from bot.services.buttons import TYPED_ON_PAGE


class Writing:
    """Peeks on GET; the number comes in a POST, and leads to what is signed with it."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """The field; a browser nobody signed in with learns nothing of it."""
        path = f"/write/{visit.handle()}"
        if visit.known is None:
            if not await self._web.database.read(lambda tx: is_there(tx, visit.handle(), TYPED_ON_PAGE, visit.now)):
                raise HandleSpent(code="write.spent")
            return self._signing_in.ask(visit, path)
        try:
            await self._web.database.read(lambda tx: _find(tx, visit))
        except OtherPerson as error:
            return await self._signing_in.turn_away(visit, path, error)
        return self._page(visit)

    async def take(self, visit: Visit, form: dict[str, str]) -> Response:
        """The number: said what is wrong with it, or the page on which exactly it is signed."""
        if visit.known is None:
            return go(f"/write/{visit.handle()}")
        found = await self._web.database.read(lambda tx: _find(tx, visit))
        typed = form.get("written", "")
        try:
            number = normal(typed)
        except NoAccountNumber as error:
            return self._page(visit, typed=typed, wrong=error)
        who, place = asked_in(found)
        message = IncomingMessage(
            event_id=f"page-{secrets.token_hex(8)}",
            kind=EventKind.SUBMISSION,
            who=who,
            place=place,
            received_at=visit.now,
            handle=visit.handle(),
            fields=dict.fromkeys(blanks_of(found), number),
        )
        answer = await self._web.resume(message, visit.src_ip)
        return go(answer.continue_path) if answer.continue_path else self._ended(visit, who, answer.draft)

    def _page(self, visit: Visit, *, typed: str = "", wrong: NoAccountNumber | None = None) -> Response:
        return self._pages.form(
            visit,
            "write.html",
            status_code=200 if wrong is None else 422,
            who=visit.owner.username,
            typed=typed,
            error="" if wrong is None else visit.voice.say(f"web.bank.wrong.{wrong.why}"),
            form_action=f"/write/{visit.handle()}",
        )

    def _ended(self, visit: Visit, who: ChannelIdentity, draft: object) -> Response:
        """It was refused, and the chat says so too."""
        card = getattr(draft, "card", None)
        back_url = chat_link(self._web.teams_bot, who)
        if card is None:
            return self._pages.message(visit, "done", status=Status.ALLOWED, back_url=back_url)
        return self._pages.render(visit.voice, "answer.html", card=card, back_url=back_url)


def _find(tx: Transaction, visit: Visit) -> Interaction:
    """What the handle is for. Raises `HandleSpent`, `OtherPerson`."""
    found = tx.interactions.find(visit.handle(), now=visit.now)
    if found is None or found.kind != TYPED_ON_PAGE:
        raise HandleSpent(code="write.spent")
    if found.audience != visit.identity.key:
        raise OtherPerson
    return found
