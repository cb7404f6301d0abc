"""A chat platform in memory: keeps what was posted, edits it, and shows what each person can see."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from bot.domain.cards import Action, Audience, Card, Dialog, Reply, plain_text
from bot.domain.identity import ChannelIdentity
from bot.domain.messages import Place, PlaceKind
from bot.domain.reference import ConversationReference
from bot.errors import PlatformRefused


@dataclass(slots=True, kw_only=True)
class Posted:
    """A message on the fake platform."""

    id: str
    place: Place
    to: ChannelIdentity
    reply: Reply
    edited: int = 0

    @property
    def card(self) -> Card:
        return self.reply.card

    @property
    def text(self) -> str:
        return plain_text(self.card)

    def button(self, label: str) -> Action:
        found = [action for action in self.card.actions if label in action.label]
        assert found, f"no button {label!r} in {[action.label for action in self.card.actions]}"
        return found[0]


@dataclass(slots=True)
class FakeChat:
    """Implements `bot.ports.chat.ChatPlatform`."""

    posts: list[Posted] = field(default_factory=list)
    dialogs: dict[str, Dialog] = field(default_factory=dict)
    taken_away: list[str] = field(default_factory=list)
    """What people typed and is there no more, by the ids they sent it under."""
    _keys: dict[str, str] = field(default_factory=dict)
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        if dedupe_key in self._keys:
            return self._keys[dedupe_key]
        posted = Posted(id=f"m{next(self._ids)}", place=place, to=to, reply=reply)
        self._keys[dedupe_key] = posted.id
        self.posts.append(posted)
        ephemeral = reply.audience is Audience.PERSON and place.kind is not PlaceKind.DIRECT
        return None if ephemeral else posted.id

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        for posted in self.posts:
            if posted.id == message:
                posted.reply, posted.edited = reply, posted.edited + 1
                return
        raise PlatformRefused("no such message")

    async def open_dialog(self, trigger: str, dialog: Dialog) -> str | None:
        self.dialogs[trigger] = dialog
        return trigger

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        self.dialogs[view] = dialog

    async def direct_place(self, to: ChannelIdentity) -> Place:
        return direct(to)

    def link_to(self, place: Place, message: str, *, reached: ConversationReference | None = None) -> str:
        return ""

    def thread_of(self, place: Place, message: str) -> Place:
        return place if place.thread else replace(place, thread=message)

    async def take_away(self, place: Place, message: str) -> bool:
        self.taken_away.append(message)
        return True

    def seen_by(self, who: ChannelIdentity) -> list[Posted]:
        """What a person can see: their direct conversation, shared posts, and what was for them alone."""
        return [
            posted
            for posted in self.posts
            if posted.to == who
            or (posted.place.kind is not PlaceKind.DIRECT and posted.reply.audience is Audience.PLACE)
        ]


def direct(who: ChannelIdentity) -> Place:
    """The direct conversation of a person."""
    return Place(platform=who.platform, tenant=who.tenant, conversation=f"dm-{who.account}", kind=PlaceKind.DIRECT)
