"""The consent page: what exactly will happen, one code for it, and what came of it."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from adapters.web.asked import Asked, OtherPerson, accepted, asked, is_there
from adapters.web.pages import Pages, go
from adapters.web.passkey_options import passkey_options
from adapters.web.proving import Wrong, take_proof
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.viewing import Viewing
from adapters.web.visitors import Visit
from adapters.web.way_back import chat_link
from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.domain.interaction import Interaction
from bot.domain.messages import EventKind, IncomingMessage
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import Proposal, ProposalState
from bot.errors import HandleSpent, Malformed
from bot.ports.database import Transaction
from bot.services.bindings import bound_to
from bot.texts.formats import moment

VIEW = "/view/"


class Consenting:
    """Peeks on GET; every step is a POST."""

    def __init__(self, pages: Pages, signing_in: SigningIn, viewing: Viewing) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in
        self._viewing = viewing

    async def show(self, visit: Visit) -> Response:
        """What this asks for; a browser nobody signed in with learns nothing of it."""
        handle = visit.handle()
        if visit.known is None:
            there = await self._web.database.read(lambda tx: is_there(tx, handle, "consent", visit.now))
            if not there:
                raise HandleSpent(code="consent.spent")
            return self._signing_in.ask(visit, f"/consent/{handle}")
        try:
            found = await self._find(visit)
        except OtherPerson as error:
            return await self._signing_in.turn_away(visit, f"/consent/{handle}", error)
        return self._not_yet(visit, found) if found.needs_enrolment else self._page(visit, found)

    def _not_yet(self, visit: Visit, found: Asked) -> Response:
        """Nothing gives a factor that counts: one is set up first, or there is one that is too new."""
        if found.counts_from is None:
            return self.enrol_first(visit, found)
        at = moment(found.counts_from, visit.owner.timezone, visit.voice.language)
        back_url = chat_link(self._web.teams_bot, found.proposal.channel)
        return self._pages.message(visit, "too_new", status=Status.WAITING, back_url=back_url, at=at)

    async def _find(self, visit: Visit) -> Asked:
        return await self._web.database.read(lambda tx: self.look(tx, visit))

    def look(self, tx: Transaction, visit: Visit) -> Asked:
        """What the handle of this path asks of whoever signed in. Raises `HandleSpent`, `OtherPerson`."""
        return asked(tx, visit.handle(), visit.identity, limits=self._web.limits, now=visit.now)

    async def decide(self, visit: Visit, form: dict[str, str]) -> Response:
        """The page's two buttons."""
        if visit.known is None:
            return go(f"/consent/{visit.handle()}")
        if form.get("decision") == "no":
            return await self.dismiss(visit, form)
        if form.get("decision") != "yes":
            raise Malformed("neither yes nor no", code="form.malformed")
        found, wrong = await self._web.database.write(lambda tx: self._take(tx, visit, form))
        if wrong is not None:
            return self._page(visit, found, wrong)
        if found.needs_enrolment:
            return go(f"/consent/{found.handle}")
        return await self.run(visit, found.proposal)

    def _take(self, tx: Transaction, visit: Visit, form: dict[str, str]) -> tuple[Asked, Wrong | None]:
        found = self.look(tx, visit)
        if found.needs_enrolment or found.session_ended:
            return found, None  # nothing is proven: the next page says what is missing
        if not found.needs_code:
            tx.proposals.confirm(found.proposal.id)
            return found, None
        return found, take_proof(tx, visit, form, asked=found, webauthn=self._web.webauthn)

    async def passkey_options(self, visit: Visit, form: dict[str, str]) -> Response:
        """A challenge over exactly this request, for the passkeys of its own person."""

        def work(tx: Transaction) -> str:
            return passkey_options(tx, visit, self._web.webauthn, signs=self.look(tx, visit).proposal.digest)

        return Response(await self._web.database.write(work), media_type="application/json")

    async def run(self, visit: Visit, proposal: Proposal) -> Response:
        """Go on with what was consented to; what it opens is opened at once, by this very POST."""
        answer = await self._web.resume(
            IncomingMessage(
                event_id=f"page-{secrets.token_hex(8)}",
                kind=EventKind.RESUME,
                who=proposal.channel,
                place=proposal.place,
                received_at=visit.now,
                fields={"proposal": proposal.id},
                locale=visit.voice.language,
            ),
            visit.src_ip,
        )
        path = answer.continue_path
        if path is None:
            return self._result(visit, answer, proposal)
        if path.startswith(VIEW):
            return await self._viewing.take(visit, path.removeprefix(VIEW))
        return go(path)

    async def dismiss(self, visit: Visit, form: dict[str, str]) -> Response:
        """Nothing is done; the card in chat says so too."""
        if visit.known is None:
            return go(f"/consent/{visit.handle()}")
        found, press = await self._web.database.write(lambda tx: self._dismiss(tx, visit))
        if press is not None:
            await self._web.resume(press, visit.src_ip)
        return self._pages.message(visit, "dismissed", back_url=chat_link(self._web.teams_bot, found.proposal.channel))

    def _dismiss(self, tx: Transaction, visit: Visit) -> tuple[Asked, IncomingMessage | None]:
        """In a live chat session the press goes the way of any press, so every copy of the card is edited."""
        found = self.look(tx, visit)
        proposal = found.proposal
        if found.session is None:
            tx.proposals.finish(proposal.id, ProposalState.VOID)
            tx.audit.append(
                scribe_of(visit.owner, visit.now).event(
                    EventType.ACCESS_DECIDED,
                    action=proposal.action.action,
                    resource=str(proposal.action.resource),
                    decision="dismissed",
                    code="proposal.dismissed",
                    digest=proposal.digest,
                )
            )
            return found, None
        button = Interaction(
            kind="dismiss",
            payload=bound_to(proposal),
            audience=proposal.identity.key,
            until=proposal.until,
        )
        press = IncomingMessage(
            event_id=f"page-{secrets.token_hex(8)}",
            kind=EventKind.PRESS,
            who=proposal.channel,
            place=proposal.place,
            received_at=visit.now,
            handle=tx.interactions.create(button),
            locale=visit.voice.language,
        )
        return found, press

    def enrol_first(self, visit: Visit, found: Asked) -> Response:
        """This needs a factor, and nothing gives one that counts yet."""
        say = visit.voice.say
        keyed = self._web.webauthn is not None
        only_passkey = ProofMethod.TOTP not in accepted(found.proposal)
        return self._pages.form(
            visit,
            "step.html",
            heading=say("web.factor_first.title" if keyed else "web.enrol_first.title"),
            sentence=say("web.factor_first.sentence" if keyed else "web.enrol_first.sentence"),
            button="" if only_passkey else say("web.factor_first.button" if keyed else "web.enrol_first.button"),
            passkey_action=f"/enrol/{found.handle}/passkey/begin" if keyed else "",
            waiting=found.proposal.shown,
            form_action=f"/enrol/{found.handle}",
            step="enrol-first",
        )

    def _page(self, visit: Visit, found: Asked, wrong: Wrong | None = None) -> Response:
        voice, proposal = visit.voice, found.proposal
        reads = found.needs_code and proposal.consent is ConsentKind.OWN_READING
        return self._pages.form(
            visit,
            "consent.html",
            status_code=200 if wrong is None else wrong.status_code,
            who=visit.owner.username,
            shown=proposal.shown,
            lead=self.lead(visit, proposal),
            submit=self.verb(visit, proposal),
            own_reading=voice.say(f"web.own_reading.{proposal.reading_set}") if reads else "",
            with_code=found.needs_code and ProofMethod.TOTP in found.methods,
            passkey_options=self._passkey_path(found),
            provider_action=self._provider_path(visit, found),
            provider_first=proposal.method is ProofMethod.PROVIDER,
            provider_name=self._web.providers.get(visit.owner.provider, visit.owner.provider),
            error="" if wrong is None else wrong.sentence(voice),
            digest=grouped(proposal.digest),
            seconds_left=seconds_left(visit, proposal),
            form_action=f"/consent/{found.handle}",
        )

    def _passkey_path(self, found: Asked) -> str:
        """Where the page's script gets a challenge; empty where no passkey can be used."""
        usable = found.needs_code and self._web.webauthn is not None and ProofMethod.PASSKEY in found.methods
        return f"/consent/{found.handle}/passkey/options" if usable else ""

    def _provider_path(self, visit: Visit, found: Asked) -> str:
        """Where the way to the provider's own step-up begins; empty where there is none."""
        usable = found.needs_code and ProofMethod.PROVIDER in found.methods
        return f"/consent/{found.handle}/provider" if usable and visit.owner.provider in self._web.step_ups else ""

    def verb(self, visit: Visit, proposal: Proposal) -> str:
        """What the button does."""
        return visit.voice.say(f"consent.verbs.{proposal.action.capability}")

    def lead(self, visit: Visit, proposal: Proposal) -> str:
        """Why this is asked for."""
        key = f"consent.why.{proposal.action.capability}"
        return visit.voice.say(key) if visit.voice.has(key) else ""

    def _result(self, visit: Visit, answer: Answer, proposal: Proposal) -> Response:
        card = None if answer.draft is None else answer.draft.card
        back_url = answer.back or chat_link(self._web.teams_bot, proposal.channel)
        if card is None:
            return self._pages.message(visit, "done", status=Status.ALLOWED, back_url=back_url)
        return self._pages.render(visit.voice, "answer.html", card=card, back_url=back_url)


def grouped(digest: str) -> str:
    """The digest's first characters, as the card in chat shows them too."""
    return f"{digest[:4]} {digest[4:8]}"


def seconds_left(visit: Visit, proposal: Proposal) -> int:
    """How long a proposal still waits."""
    return max(0, int((proposal.until - visit.now).total_seconds()))
