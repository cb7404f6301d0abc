"""The page for whoever comes back from a sign-in in another browser than the one that began it, as phones do.

An app opens a link in a browser of its own, and the way back lands in the system's: the cookie is not there. What was
begun cannot be finished here, since a forwarded address would be finished the same way; so the page leads to a new
beginning. It gives no right: a new ticket says who asked in chat, and both legs are still to be walked in one browser.
"""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.pages import Pages
from adapters.web.visitors import Visit
from bot.errors import NotProven

CODES = frozenset({"web.other_browser", "link.other_browser"})


class Elsewhere:
    """Says what happened, and gives a link to go on here or in a browser of one's own choice."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def page(self, visit: Visit, state: str, error: NotProven) -> Response:
        """The page; where nothing is known of that sign-in, the plain refusal."""
        web, say = self._pages.web, visit.voice.say
        await web.rejected(error.code)
        path = await web.linking.begin_elsewhere(state)
        if not path:
            return self._pages.error(visit.request, error.status, error.code, visit=visit)
        return self._pages.render(
            visit.voice,
            "elsewhere.html",
            status_code=error.status,
            title=say("web.elsewhere.title"),
            sentence=say("web.elsewhere.sentence"),
            here=say("web.elsewhere.here"),
            copy=say("web.elsewhere.copy"),
            warning=say("web.elsewhere.warning"),
            path=path,
            address=web.public_url.rstrip("/") + path,
        )
