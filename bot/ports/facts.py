"""Facts: what policy may know of a resource, without its content.

What people type may stand for an id, and is resolved here, under the grant; the answer's `ref.id` is canonical.

| type | `ref.id` may be | canonical |
|---|---|---|
| `Employee` | a reference, user name, display name, or a first name only one person has | the reference |
| `Customer` | an id, a name, or the first words of a name only one customer has | the id |
| `Payslip` | an id, `latest:<employee>` or `YYYY-MM:<employee>`, the employee given as above | the id |
| `BankAccount` | a reference of whose it is | the reference |
| `Ticket`, `Leave`, `Opportunity` | an id; also with a leading `#`, or its digits alone | the id |
| `Department` | an id: the scope of a list | the id |

Case and surrounding space do not count. Several that fit are nobody.

Of an `Employee`, `state` is `active`, `away` (on approved leave today), `departed` (employment has ended) or whatever
else the system says of somebody who cannot be asked; of a `Leave` it is a `LeaveState`, and `amount` its working days,
rounded up, and `decided_by` the name of whoever decided last, where the system says.
"""

from __future__ import annotations

from typing import Protocol

from bot.domain.action import ResourceFacts
from bot.domain.grant import FactsGrant

DEPARTED = "departed"
"""The state of an employee whose employment has ended."""


class FactsSource(Protocol):
    """Answers for the resource types of one system."""

    async def resolve(self, grant: FactsGrant) -> ResourceFacts | None:
        """The facts of `grant.ref`, its id made canonical; None when there is none, after the same work and time.

        Raises `NotAllowed` for a grant that does not verify, `ConnectorUnavailable` within five seconds,
        `Unsupported` for a type the system does not have.
        """
        ...
