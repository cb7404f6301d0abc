"""A change of policy is found, and the same policies have no difference."""

import pytest

from policy.cedar import CedarEngine, load
from policy.diff import differences
from policy.sources import Sources, read_sources


def _changed(old: str, new: str) -> CedarEngine:
    sources = read_sources()
    files = tuple((name, text.replace(old, new)) for name, text in sources.files)
    assert files != sources.files
    return CedarEngine(Sources(schema=sources.schema, files=files))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("// ", "// Note: "),
        ("resource.region == principal.region", "principal.region == resource.region"),
        ("context.proof.age >= 0 && context.proof.age <= 600", "context.proof.age <= 600 && 0 <= context.proof.age"),
    ],
)
def test_the_same_said_otherwise_is_no_difference(old: str, new: str) -> None:
    assert next(differences(load(), _changed(old, new)), None) is None


def test_another_order_of_reasons_is_looked_at_for_every_action() -> None:
    before = load()
    sources = read_sources()
    after = CedarEngine(Sources(schema=sources.schema, files=tuple(reversed(sources.files))))
    assert before.unlike(after) == set(before.actions)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("context.session.idp_checked_age > 900", "context.session.idp_checked_age > 901"),
        ("context.proof.age <= 600", "context.proof.age <= 601"),
        ('resource.state == "pending" ||', 'resource.state == "approved" ||'),
        ("when { principal.locked }", 'when { principal.locked && context.session.platform == "teams" }'),
        ('@set("benefits")', '@set("payslips")'),
        ('principal in Role::"auditor"', 'principal in Role::"line_manager"'),
        ("resource.region == principal.region", "resource.region != principal.region"),
    ],
)
def test_a_change_is_found_in_both_directions(old: str, new: str) -> None:
    before, after = load(), _changed(old, new)
    forth, back = next(differences(before, after)), next(differences(after, before))
    assert forth.request == back.request
    assert (forth.before, forth.after) == (back.after, back.before)
