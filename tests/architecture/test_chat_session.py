"""The page on what an open chat session can do is what the policies say."""

from bot.capabilities.catalogue import CATALOGUE
from policy.cedar import load
from policy.sources import POLICIES
from tests.architecture.chat_session import PAGE, Takes, page, takes, without_proof

CONFIDENTIAL = {"ChangeBankAccount", "ViewPayslip", "ViewBenefits", "GiveEnrolmentCode"}
ADMINISTRATION = {"GrantRole", "RevokeRole", "RevokeSessions", "EndCompanySessions", "LockPerson", "UnlockPerson"}
EVERY_ROLE = frozenset({"employee", "line_manager", "hr_manager", "support_rep", "administrator", "auditor"})


def test_the_page_is_made_from_the_policies() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.architecture.chat_session`"


def test_what_an_open_session_does_is_the_low_tier_no_more_and_no_less() -> None:
    engine = load(POLICIES)
    alone = {
        action
        for action in engine.actions
        if any(rule.permits and not rule.takes_proof for rule in engine.rules_for(action))
    }
    assert alone == engine.low_tier
    assert without_proof(EVERY_ROLE) == engine.low_tier & {entry.action for entry in CATALOGUE}


def test_nothing_confidential_and_no_decision_is_done_without_a_proof() -> None:
    assert not without_proof(EVERY_ROLE) & (
        CONFIDENTIAL | ADMINISTRATION | {"ApproveLeave", "RefuseLeave", "RemoveLink"}
    )


def test_administration_takes_a_proof_that_cannot_be_relayed() -> None:
    engine = load(POLICIES)
    for action in ADMINISTRATION | {"GiveEnrolmentCode"}:
        permits = [rule for rule in engine.rules_for(action) if rule.permits]
        assert permits, action
        assert {takes(rule) for rule in permits} == {Takes.STRONG}, action
