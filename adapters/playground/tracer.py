"""Keeps the last run of each demo person: the real trace of the real pipeline, for the glass door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from adapters.playground.glass_door import run_as_json
from adapters.playground.people import PlaygroundPerson
from adapters.playground.stream import Hub
from bot.ports.trace import TraceEntry

KEPT_RUNS = 200


@dataclass(slots=True, kw_only=True)
class Run:
    """One message on its way through the pipeline."""

    person: str | None
    words: str
    entries: list[TraceEntry] = field(default_factory=list)


class PlaygroundTracer:
    """Implements `bot.ports.trace.Tracer`. A run is a person's when they caused it, or when it names them."""

    def __init__(self, *, people: Sequence[PlaygroundPerson], hub: Hub) -> None:
        self._hub = hub
        self._names = {name: person.name for person in people for name in (person.name, person.subject) if name}
        self._runs: dict[str, Run] = {}
        self._last: dict[str, Run] = {}

    def follow(self, correlation: str, person: str, words: str) -> None:
        """From now on this correlation (a message's `event_id`) is a run of that person's."""
        run = self._run(correlation)
        run.person, run.words = person, words
        self._show(run)

    def record(self, correlation: str, entry: TraceEntry) -> None:
        """Take one entry; runs on the event loop."""
        run = self._run(correlation)
        run.entries.append(replace(entry, resource=self._by_name(entry.resource)))
        if run.person is None:
            run.person = self._whose(entry.principal)
            if run.person in self._last:
                run.words = self._last[run.person].words
        self._show(run)

    def last(self, person: str) -> dict[str, object] | None:
        """A person's last run, for the page."""
        run = self._last.get(person)
        return run_as_json(run.words, run.entries) if run else None

    def _run(self, correlation: str) -> Run:
        if correlation not in self._runs:
            self._runs[correlation] = self._continued(correlation)
            while len(self._runs) > KEPT_RUNS:
                del self._runs[next(iter(self._runs))]
        return self._runs[correlation]

    def _continued(self, correlation: str) -> Run:
        """A browser leg goes on under `resume:<random>:<the event's id>`: a run of its own, for the same words."""
        before = self._runs.get(correlation.rpartition(":")[2])
        return Run(person=before.person, words=before.words) if before else Run(person=None, words="")

    def _by_name(self, resource: str) -> str:
        """A person as a resource carries the provider's opaque subject: the page names them instead."""
        subject = resource.rpartition("#")[2]
        return f"{resource.partition('::')[0]}::{self._names[subject]}" if subject in self._names else resource

    def _whose(self, principal: str) -> str | None:
        ends = (principal.rpartition("#")[2], principal.rpartition(":")[2], principal.partition("@")[0])
        for part in (principal, *ends):
            if part in self._names:
                return self._names[part]
        return None

    def _show(self, run: Run) -> None:
        if run.person is None:
            return
        self._last[run.person] = run
        self._hub.publish(run.person, "trace", run_as_json(run.words, run.entries))
