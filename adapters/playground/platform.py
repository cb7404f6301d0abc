"""The demonstration's chat platform: stateful, in memory, with the limits that real ones have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_urlsafe

from adapters.playground.conversation import DEMO, DOORWARD, AuthorKind, Conversation, Post, dialog_as_json
from adapters.playground.people import PlaygroundPerson
from adapters.playground.stream import Hub
from bot.domain.cards import Action, Audience, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.reference import ConversationReference
from bot.errors import Malformed, PlatformRefused
from bot.ports.clock import Clock

TENANT = "demo"
TRIGGER_SECONDS = 3
"""As Slack's: a trigger lives three seconds and works once."""
DELETED = "This message was deleted."
KEPT_POSTS = 2000
CHANNELS = ("hr-leave", "sales-eu", "doorward-owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDialog:
    """A dialog on somebody's screen, and where it was opened from."""

    person: str
    dialog: Dialog
    place: Place
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger:
    person: str
    place: Place
    source: str | None
    until: datetime


class PlaygroundPlatform:
    """Implements `bot.ports.chat.ChatPlatform`. Everything lives in memory and on one event loop."""

    def __init__(
        self,
        *,
        people: Sequence[PlaygroundPerson],
        clock: Clock,
        hub: Hub,
        channels: Iterable[str] = CHANNELS,
    ) -> None:
        self.people = tuple(people)
        self._clock = clock
        self._hub = hub
        direct = [
            Conversation(id=f"dm-{person.name}", title="Doorward", kind=PlaceKind.DIRECT, person=person.name)
            for person in people
        ]
        rooms = [Conversation(id=name, title=name, kind=PlaceKind.CHANNEL) for name in channels]
        self._conversations = {conversation.id: conversation for conversation in (*direct, *rooms)}
        self._posts: dict[str, Post] = {}
        self._posted: dict[str, str | None] = {}
        self._triggers: dict[str, _Trigger] = {}
        self._dialogs: dict[str, OpenDialog] = {}
        self._unread: dict[tuple[str, str], int] = {}
        self._count = 0

    # What the core asks for

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        """Post a reply; a known `dedupe_key` gives the first post's id again."""
        if dedupe_key in self._posted:
            return self._posted[dedupe_key]
        conversation = self._conversation(place)
        self._person(to)
        ephemeral = reply.audience is Audience.PERSON and conversation.kind is not PlaceKind.DIRECT
        post = self._add(
            conversation,
            author=DOORWARD,
            author_kind=AuthorKind.BOT,
            thread=place.thread,
            card=reply.card,
            only=to.account if ephemeral else None,
        )
        self._posted[dedupe_key] = None if ephemeral else post.id
        return self._posted[dedupe_key]

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        """Replace a post of ours; an ephemeral or foreign one is refused."""
        post = self._posts.get(message)
        editable = post is not None and post.author_kind is AuthorKind.BOT and post.only is None
        if post is None or not editable or post.conversation != place.conversation:
            raise PlatformRefused("no such message of ours")
        changed = replace(post, card=reply.card, edited=True)
        self._posts[message] = changed
        self._announce(changed)

    async def open_dialog(self, trigger: str, dialog: Dialog) -> str:
        """Open a dialog on the screen of whoever caused the trigger."""
        found = self._triggers.pop(trigger, None)
        if found is None or self._clock.now() >= found.until:
            raise PlatformRefused("the trigger is unknown, used or older than three seconds")
        view = f"v{token_urlsafe(12)}"
        self._show(view, OpenDialog(person=found.person, dialog=dialog, place=found.place, source=found.source))
        return view

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        """Replace an open dialog; one that was closed meanwhile is refused."""
        if view not in self._dialogs:
            raise PlatformRefused("the dialog is not open")
        self._show(view, replace(self._dialogs[view], dialog=dialog))

    async def direct_place(self, to: ChannelIdentity) -> Place:
        """The direct conversation with a person."""
        self._person(to)
        return self.place(f"dm-{to.account}")

    def link_to(self, place: Place, message: str, *, reached: ConversationReference | None = None) -> str:
        """None: everything stands on one page."""
        return ""

    def thread_of(self, place: Place, message: str) -> Place:
        """The thread that the post begins, or stands in."""
        return place if place.thread else replace(place, thread=message)

    async def take_away(self, place: Place, message: str) -> bool:
        """What a person typed is gone; that something was there stays, as on other platforms."""
        post = self._posts.get(message)
        if post is None or post.author_kind is not AuthorKind.PERSON or post.conversation != place.conversation:
            return False
        self._posts[message] = changed = replace(post, text=DELETED, edited=True)
        self._announce(changed)
        return True

    # What people do

    def place(self, conversation: str, thread: str | None = None) -> Place:
        """A conversation of this platform as a place. Raises `Malformed` for an unknown one."""
        found = self._conversations.get(conversation)
        if found is None:
            raise Malformed("no such conversation")
        return Place(
            platform=Platform.PLAYGROUND, tenant=TENANT, conversation=conversation, kind=found.kind, thread=thread
        )

    def identity(self, person: str) -> ChannelIdentity:
        """A demo person's chat account. Raises `Malformed` for an unknown one."""
        to = ChannelIdentity(platform=Platform.PLAYGROUND, tenant=TENANT, account=person)
        try:
            self._person(to)
        except PlatformRefused as unknown:
            raise Malformed("no such person") from unknown
        return to

    def say(self, person: str, place: Place, text: str, *, only: bool = False) -> Post:
        """What a person typed appears in the conversation. Raises `Malformed` where they may not write."""
        conversation = self._conversation(place)
        root = self._posts.get(place.thread) if place.thread else None
        if not conversation.seen_by(person) or (place.thread and not self._is_root(root, conversation, person)):
            raise Malformed("not a place this person can write to")
        return self._add(
            conversation,
            author=person,
            author_kind=AuthorKind.PERSON,
            thread=place.thread,
            text=text,
            only=person if only else None,
        )

    def pressed(self, person: str, message: str, position: int) -> tuple[Post, Action]:
        """The button a person pressed. Raises `Malformed` when they do not see it, or it is no longer there."""
        post = self._posts.get(message)
        if post is None or post.card is None or not self._sees(person, post):
            raise Malformed("no such message")
        if not 0 <= position < len(post.card.actions) or post.card.actions[position].url:
            raise Malformed("no such button")
        return post, post.card.actions[position]

    def trigger(self, person: str, place: Place, source: str | None = None) -> str:
        """A fresh trigger, for three seconds and one dialog."""
        now = self._clock.now()
        self._triggers = {key: kept for key, kept in self._triggers.items() if now < kept.until}
        key = token_urlsafe(12)
        until = now + timedelta(seconds=TRIGGER_SECONDS)
        self._triggers[key] = _Trigger(person=person, place=place, source=source, until=until)
        return key

    def dialog(self, person: str, view: str) -> OpenDialog:
        """An open dialog of a person. Raises `Malformed` for any other."""
        found = self._dialogs.get(view)
        if found is None or found.person != person:
            raise Malformed("no such dialog")
        return found

    def close_dialog(self, view: str) -> None:
        """Take a dialog off the screen."""
        found = self._dialogs.pop(view, None)
        if found:
            self._hub.publish(found.person, "dialog-closed", {"view": view})

    def announce(self, text: str) -> None:
        """A line of the demonstration's own, in every conversation."""
        for conversation in self._conversations.values():
            self._add(conversation, author=DEMO, author_kind=AuthorKind.DEMO, thread=None, text=text)

    def seen(self, person: str, conversation: str) -> None:
        """A person has looked at a conversation."""
        if self._unread.pop((person, conversation), 0):
            self._tell_unread()

    # What the page shows

    def posts(self, person: str) -> list[Post]:
        """Everything a person sees, oldest first."""
        return [post for post in self._posts.values() if self._sees(person, post)]

    def conversations(self, person: str) -> list[Conversation]:
        """Where a person is."""
        return [conversation for conversation in self._conversations.values() if conversation.seen_by(person)]

    def open_dialogs(self, person: str) -> list[dict[str, object]]:
        """The dialogs on a person's screen."""
        return [dialog_as_json(view, found.dialog) for view, found in self._dialogs.items() if found.person == person]

    def unread(self) -> dict[str, dict[str, int]]:
        """How much each person has not looked at, by conversation."""
        counts: dict[str, dict[str, int]] = {}
        for (person, conversation), count in self._unread.items():
            counts.setdefault(person, {})[conversation] = count
        return counts

    @property
    def untouched(self) -> bool:
        """Nobody has said anything yet."""
        return not any(post.author_kind is AuthorKind.PERSON for post in self._posts.values())

    def _conversation(self, place: Place) -> Conversation:
        found = self._conversations.get(place.conversation)
        if found is None or place.platform is not Platform.PLAYGROUND or place.tenant != TENANT:
            raise PlatformRefused("no such conversation")
        return found

    def _person(self, to: ChannelIdentity) -> None:
        known = any(person.name == to.account for person in self.people)
        if not known or to.platform is not Platform.PLAYGROUND or to.tenant != TENANT:
            raise PlatformRefused("no such person")

    def _is_root(self, root: Post | None, conversation: Conversation, person: str) -> bool:
        return root is not None and root.conversation == conversation.id and self._sees(person, root)

    def _sees(self, person: str, post: Post) -> bool:
        return self._conversations[post.conversation].seen_by(person) and post.only in (None, person)

    def _add(self, conversation: Conversation, **values: object) -> Post:
        self._count += 1
        post = Post(id=f"m{self._count}", conversation=conversation.id, at=self._clock.now(), **values)  # type: ignore[arg-type]  # the callers above name Post's own fields
        self._posts[post.id] = post
        while len(self._posts) > KEPT_POSTS:
            del self._posts[next(iter(self._posts))]
        self._announce(post)
        if post.author_kind is AuthorKind.BOT:
            self._count_unread(post)
        return post

    def _announce(self, post: Post) -> None:
        for person in self.people:
            if self._sees(person.name, post):
                self._hub.publish(person.name, "message", post.as_json())

    def _count_unread(self, post: Post) -> None:
        for person in self.people:
            if self._sees(person.name, post):
                key = (person.name, post.conversation)
                self._unread[key] = self._unread.get(key, 0) + 1
        self._tell_unread()

    def _tell_unread(self) -> None:
        counts = self.unread()
        for person in self.people:
            self._hub.publish(person.name, "unread", counts)

    def _show(self, view: str, opened: OpenDialog) -> None:
        self._dialogs[view] = opened
        self._hub.publish(opened.person, "dialog", dialog_as_json(view, opened.dialog))
