"""The words of the glass door: each step of a run with its outcome and the few details that the trace allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.ports.trace import Step, StepOutcome, TraceEntry

SHORT = 8
"""So much of a digest or hash is shown."""

_OK, _NO, _ASKED, _SKIPPED, _FAILED = StepOutcome

TITLES: dict[Step, dict[StepOutcome, str]] = {
    Step.AUTHENTIC: {_OK: "Authentic", _NO: "Not authentic"},
    Step.THROTTLE: {_OK: "Within the limits", _NO: "Too many at once"},
    Step.WHO: {_OK: "Known person", _NO: "Not let in", _ASKED: "Not known yet: sign-in offered"},
    Step.SESSION: {_OK: "Session alive", _NO: "Session over", _ASKED: "Session over: sign-in offered"},
    Step.UNDERSTAND: {_OK: "Understood", _NO: "Not understood", _ASKED: "Not sure: asked back"},
    Step.FACTS: {_OK: "Facts read", _NO: "Nothing to decide on"},
    Step.DECIDE: {_OK: "Allowed", _NO: "Denied", _ASKED: "Needs a proof first"},
    Step.CONSENT: {_OK: "Agreed to exactly this", _NO: "Not agreed", _ASKED: "Waits for agreement"},
    Step.REVALIDATE: {_OK: "Provider still stands for them", _NO: "Provider says no"},
    Step.EFFECT: {_OK: "Done, once", _NO: "Not done", _ASKED: "Under way"},
    Step.OUT: {_OK: "Answered", _NO: "Not answered", _ASKED: "Answer on its way"},
}
NAMES = {
    Step.AUTHENTIC: "Authentic",
    Step.THROTTLE: "Limits",
    Step.WHO: "Who",
    Step.SESSION: "Session",
    Step.UNDERSTAND: "Understanding",
    Step.FACTS: "Facts",
    Step.DECIDE: "Decision",
    Step.CONSENT: "Consent",
    Step.REVALIDATE: "Check with the provider",
    Step.EFFECT: "Grant and effect",
    Step.OUT: "Answer",
}
WORDS = {_OK: "ok", _NO: "no", _ASKED: "asked", _SKIPPED: "not needed", _FAILED: "failed"}
NOT_REACHED = "not reached"


def age(seconds: int) -> str:
    """A session's age in words."""
    if seconds < 60:
        return "proven just now"
    minutes = seconds // 60
    return f"proven {minutes} min ago" if minutes < 120 else f"proven {minutes // 60} h ago"


def _details(entry: TraceEntry) -> list[tuple[str, str]]:
    """Label and value of what an entry has; the labels name the allow-list's fields."""
    found = [
        ("principal", entry.principal),
        ("session", age(entry.session_age_seconds) if entry.session_age_seconds >= 0 else ""),
        ("wants", entry.capability),
        ("from", entry.origin),
        ("resource", entry.resource),
        ("owner", entry.owner),
        ("version", entry.facts_version),
        ("decision", entry.decision),
        ("rule", ", ".join(entry.rules)),
        ("code", entry.code),
        ("method", entry.method),
        ("digest", entry.digest[:SHORT]),
        ("policy", entry.policy_hash[:SHORT]),
        ("grant", entry.grant[:SHORT]),
        ("effect", entry.effect),
        ("record", f"#{entry.audit_seq}" if entry.audit_seq else ""),
        ("leaf", entry.audit_hash[:SHORT]),
    ]
    return [(label, value) for label, value in found if value]


def _title(step: Step, outcome: StepOutcome) -> str:
    if outcome is StepOutcome.FAILED:
        return f"{NAMES[step]} failed"
    return TITLES[step].get(outcome, NAMES[step])


def _reached(step: Step, entries: Sequence[TraceEntry]) -> dict[str, object]:
    """A step may be passed more than once: the last outcome counts, the time adds up."""
    last = entries[-1]
    return {
        "step": str(step),
        "name": NAMES[step],
        "title": _title(step, last.outcome),
        "outcome": str(last.outcome),
        "word": WORDS[last.outcome],
        "ms": round(1000 * sum(entry.seconds for entry in entries), 2),
        "details": [{"label": label, "value": value} for label, value in _details(last)],
    }


def _unreached(step: Step) -> dict[str, object]:
    return {
        "step": str(step),
        "name": NAMES[step],
        "title": NAMES[step],
        "outcome": "not-reached",
        "word": NOT_REACHED,
        "ms": None,
        "details": [],
    }


def run_as_json(words: str, entries: Iterable[TraceEntry]) -> dict[str, object]:
    """A run for the page, every step in the pipeline's order."""
    by_step: dict[Step, list[TraceEntry]] = {}
    for entry in entries:
        by_step.setdefault(entry.step, []).append(entry)
    steps = [_reached(step, by_step[step]) if step in by_step else _unreached(step) for step in Step]
    total = sum(entry.seconds for found in by_step.values() for entry in found)
    return {"words": words, "steps": steps, "ms": round(1000 * total, 1)}
