"""Confidential values: opened once, by a POST, in a browser of the same identity, for five minutes."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response, StreamingResponse

from adapters.web.asked import OtherPerson, is_there
from adapters.web.pages import Pages, go
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from bot.capabilities.performing import VIEW_SECONDS, read_sheet
from bot.domain.answer import Sheet
from bot.domain.audit import EventType
from bot.domain.interaction import Interaction
from bot.errors import HandleSpent
from bot.ports.database import Transaction

FILE = "file"
"""The kind of a handle under which a file is downloaded."""


class Viewing:
    """The page of what never enters chat."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """A page with the button that opens it; nothing of the values is here yet."""
        handle = visit.handle()
        try:
            there = await self._web.database.read(
                lambda tx: self._look(tx, visit, handle) if visit.known else is_there(tx, handle, "view", visit.now)
            )
        except OtherPerson as error:
            return await self._signing_in.turn_away(visit, f"/view/{handle}", error)
        if not there:
            raise HandleSpent(code="view.spent")
        if visit.person is None:
            return self._signing_in.ask(visit, f"/view/{handle}")
        say = visit.voice.say
        return self._pages.form(
            visit,
            "step.html",
            who=visit.owner.username,
            heading=say("web.view.title"),
            sentence=say("web.view.sentence"),
            button=say("web.view.button"),
            form_action=f"/view/{handle}",
            step="view-first",
        )

    async def open(self, visit: Visit, form: dict[str, str]) -> Response:
        """The button."""
        if visit.known is None:
            return go(f"/view/{visit.handle()}")
        return await self.take(visit, visit.handle())

    async def take(self, visit: Visit, handle: str) -> Response:
        """Take the handle and show what lies under it. Raises `HandleSpent`, `OtherPerson`."""
        sheet, offered = await self._web.database.write(lambda tx: self._take(tx, visit, handle))
        return self._pages.form(
            visit,
            "view.html",
            who=visit.owner.display_name,
            headline=sheet.title,
            sections=[{"title": "", "columns": (), "rows": sheet.rows, "total": sheet.total}],
            source=sheet.quiet,
            seconds_left=VIEW_SECONDS,
            form_action=f"/view/{handle}/close",
            file_action=f"/view/{offered}/file" if offered else "",
            file_button=visit.voice.say("web.view.download"),
        )

    async def close(self, visit: Visit, form: dict[str, str]) -> Response:
        """The values are gone with their page; this one takes its place."""
        return await self._pages.ends(visit, "closed")

    async def download(self, visit: Visit, form: dict[str, str]) -> Response:
        """The file, once. Raises `HandleSpent`, `OtherPerson`."""
        if visit.known is None:
            raise HandleSpent(code="view.spent")
        name = await self._web.database.write(lambda tx: self._take_file(tx, visit, visit.handle()))
        kept = f'attachment; filename="doorward-{name}.jsonl"'
        return StreamingResponse(
            self._web.files[name](), media_type="application/x-ndjson", headers={"content-disposition": kept}
        )

    def _take_file(self, tx: Transaction, visit: Visit, handle: str) -> str:
        taken = tx.interactions.take(handle, now=visit.now) if self._look(tx, visit, handle, kind=FILE) else None
        name = "" if taken is None else str(taken.payload["file"])
        if name not in self._web.files:
            raise HandleSpent(code="view.spent")
        event = scribe_of(visit.owner, visit.now).event(EventType.VIEW_OPENED, decision="allow", code="view.downloaded")
        tx.audit.append(event)
        return name

    def _look(self, tx: Transaction, visit: Visit, handle: str, *, kind: str = "view") -> bool:
        found = tx.interactions.find(handle, now=visit.now)
        if found is None or found.kind != kind:
            return False
        if found.audience != visit.identity.key:
            raise OtherPerson
        return True

    def _take(self, tx: Transaction, visit: Visit, handle: str) -> tuple[Sheet, str]:
        """The sheet, and the handle of the file that it offers besides."""
        if not self._look(tx, visit, handle):
            raise HandleSpent(code="view.spent")
        taken = tx.interactions.take(handle, now=visit.now)
        if taken is None:
            raise HandleSpent(code="view.spent")
        tx.audit.append(
            scribe_of(visit.owner, visit.now).event(EventType.VIEW_OPENED, decision="allow", code="view.opened")
        )
        sheet = read_sheet(taken)
        return sheet, self._offer(tx, visit, sheet.file) if sheet.file else ""

    def _offer(self, tx: Transaction, visit: Visit, name: str) -> str:
        until = visit.now + timedelta(seconds=VIEW_SECONDS)
        return tx.interactions.create(
            Interaction(kind=FILE, payload={"file": name}, audience=visit.identity.key, until=until)
        )
