"""The glass door shows a person their own last run, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.playground.people import PlaygroundPerson
from adapters.playground.stream import Hub
from adapters.playground.tracer import PlaygroundTracer
from bot.ports.trace import Step, StepOutcome, TraceEntry

PEOPLE = (
    PlaygroundPerson(name="john", display_name="John", title="", subject="7f3a"),
    PlaygroundPerson(name="mia", display_name="Mia", title="", subject="9b1c"),
)
DENIED = TraceEntry(step=Step.DECIDE, outcome=StepOutcome.NO, seconds=0.001, digest="8c1f20ab99", rules=("own",))


@pytest.fixture
def tracer() -> PlaygroundTracer:
    return PlaygroundTracer(people=PEOPLE, hub=Hub())


def _step(run: dict[str, Any] | None, step: Step) -> dict[str, Any]:
    assert run is not None
    return next(found for found in run["steps"] if found["step"] == step)


def test_a_run_shows_every_step_reached_or_not(tracer: PlaygroundTracer) -> None:
    tracer.follow("e1", "john", "my payslip")
    tracer.record("e1", DENIED)
    run = tracer.last("john")
    assert run is not None
    assert run["words"] == "my payslip"
    decided = _step(run, Step.DECIDE)
    assert (decided["title"], decided["outcome"], decided["ms"]) == ("Denied", "no", 1.0)
    assert {"label": "digest", "value": "8c1f20ab"} in decided["details"]
    assert _step(run, Step.EFFECT)["word"] == "not reached"
    assert tracer.last("mia") is None


def test_a_step_passed_twice_shows_its_last_outcome_and_all_its_time(tracer: PlaygroundTracer) -> None:
    tracer.follow("e1", "john", "my payslip")
    tracer.record("e1", DENIED)
    tracer.record("e1", TraceEntry(step=Step.DECIDE, outcome=StepOutcome.OK, seconds=0.002))
    assert (_step(tracer.last("john"), Step.DECIDE)["outcome"], _step(tracer.last("john"), Step.DECIDE)["ms"]) == (
        "ok",
        3.0,
    )


def test_what_goes_on_after_a_browser_leg_belongs_to_whom_it_names(tracer: PlaygroundTracer) -> None:
    tracer.follow("e1", "john", "my payslip")
    tracer.record("resumed", TraceEntry(step=Step.AUTHENTIC, outcome=StepOutcome.OK))
    tracer.record("resumed", TraceEntry(step=Step.WHO, outcome=StepOutcome.OK, principal="https://idp.example#7f3a"))
    run = tracer.last("john")
    assert run is not None
    assert run["words"] == "my payslip"
    assert _step(run, Step.AUTHENTIC)["outcome"] == "ok"


def test_a_resumed_message_is_a_fresh_run_for_the_same_words(tracer: PlaygroundTracer) -> None:
    tracer.follow("e1", "john", "my payslip")
    tracer.record("e1", DENIED)
    tracer.record("resume:5f:e1", TraceEntry(step=Step.WHO, outcome=StepOutcome.OK))
    run = tracer.last("john")
    assert run is not None
    assert (run["words"], _step(run, Step.DECIDE)["word"]) == ("my payslip", "not reached")


def test_a_run_of_nobody_here_is_shown_to_nobody(tracer: PlaygroundTracer) -> None:
    tracer.record("e9", TraceEntry(step=Step.WHO, outcome=StepOutcome.OK, principal="https://idp.example#0000"))
    assert (tracer.last("john"), tracer.last("mia")) == (None, None)


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("outcome", list(StepOutcome))
def test_every_step_and_outcome_has_words(tracer: PlaygroundTracer, step: Step, outcome: StepOutcome) -> None:
    tracer.follow("e1", "john", "x")
    tracer.record("e1", TraceEntry(step=step, outcome=outcome))
    found = _step(tracer.last("john"), step)
    assert found["title"]
    assert found["word"]
