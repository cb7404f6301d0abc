"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta


class FixedClock:
    """Called, it gives the time; `advance` moves it. Refuses naive time and going back."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC) if start.tzinfo else _refuse_naive(start)

    def __call__(self) -> datetime:
        return self._now

    def now(self) -> datetime:
        """The time, as `bot.ports.clock.Clock` asks for it."""
        return self._now

    def advance(self, delta: timedelta | None = None, **parts: float) -> datetime:
        """Move on by a timedelta, or by its parts (`minutes=5`), and give the new time."""
        step = delta if delta is not None else timedelta(**parts)
        if step < timedelta(0):
            raise ValueError(f"a clock does not go back: {step}")
        self._now += step
        return self._now

    def set_back(self, delta: timedelta) -> datetime:
        """What happens to a machine whose clock was ahead: it is set right."""
        self._now -= delta
        return self._now


def _refuse_naive(moment: datetime) -> datetime:
    raise ValueError(f"{moment} has no time zone")
