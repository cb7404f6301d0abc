"""Where our messages are, so that they can be edited."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from bot.domain.messages import Place
from bot.domain.outbound import PostedMessage
from storage.codec import Packed, channel_key, to_channel, to_micros, to_moment
from storage.statement import Connection, Row, Statement, noting_again
from storage.tables.queues import posted

_places = Packed(Place)
_NEWEST = Statement(
    select(posted.c.version).where(
        posted.c.platform == bindparam("on_platform"),
        posted.c.conversation == bindparam("in_conversation"),
        posted.c.message == bindparam("of_message"),
    )
)

_RECORD = noting_again(posted, "about")
_ABOUT = Statement(select(posted).where(posted.c.about == bindparam("about")).order_by(posted.c.posted_at))
_SWAP = Statement(
    update(posted)
    .where(
        posted.c.platform == bindparam("on_platform"),
        posted.c.conversation == bindparam("in_conversation"),
        posted.c.message == bindparam("of_message"),
        posted.c.version == bindparam("expected"),
    )
    .values(version=bindparam("rendered"), posted_at=bindparam("at"))
)


class Posted:
    """See `bot.ports.stores.PostedStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, posted: PostedMessage) -> None:
        """Remember a posted message; one that shows something else now is about that from now on."""
        self._connection.change(
            _RECORD,
            platform=posted.place.platform,
            conversation=_conversation(posted.place),
            message=posted.message,
            about=posted.about,
            place=_places.pack(posted.place).decode(),
            addressee=channel_key(posted.to),
            version=posted.version,
            posted_at=to_micros(posted.posted_at),
        )

    def about(self, about: str) -> Sequence[PostedMessage]:
        return [_to_posted(row) for row in self._connection.rows(_ABOUT, about=about)]

    def swap(self, posted: PostedMessage, *, version: int) -> bool:
        """Move the record from `version` to `posted.version`."""
        return (
            self._connection.change(
                _SWAP,
                on_platform=posted.place.platform,
                in_conversation=_conversation(posted.place),
                of_message=posted.message,
                expected=version,
                rendered=posted.version,
                at=to_micros(posted.posted_at),
            )
            == 1
        )

    def newest(self, place: Place, message: str) -> int:
        row = self._connection.row(
            _NEWEST, on_platform=place.platform, in_conversation=_conversation(place), of_message=message
        )
        return 0 if row is None else int(row[0])


def _conversation(place: Place) -> str:
    return f"{place.tenant}:{place.conversation}"


def _to_posted(row: Row) -> PostedMessage:
    _, _, message, about, place, addressee, version, posted_at = row
    return PostedMessage(
        about=about,
        place=_places.unpack(place.encode()),
        to=to_channel(addressee),
        message=message,
        version=version,
        posted_at=to_moment(posted_at),
    )
