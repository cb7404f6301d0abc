"""A request to start from."""

import pytest

from policy.cases import NOON
from policy.model import DecisionRequest, Place, PrincipalEntity, ResourceEntity, SessionContext


@pytest.fixture
def request_() -> DecisionRequest:
    """Mia, a line manager, approves the leave of her report John."""
    return DecisionRequest(
        principal=PrincipalEntity(
            key="https://login.example#mia",
            roles=frozenset({"employee", "line_manager"}),
            department="sales",
            region="eu",
            employee="E1002",
            locked=False,
        ),
        action="ApproveLeave",
        resource=ResourceEntity(
            type="Leave", id="7", owner="E1001", manager="E1002", department="sales", region="eu", state="pending"
        ),
        session=SessionContext(age_seconds=60, idp_checked_age_seconds=60, platform="slack", place=Place.DIRECT),
        now=NOON,
    )
