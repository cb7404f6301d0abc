"""The database as services see it: transactions that expose the stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from bot.ports.approval_stores import ApprovalStore, SubstitutionStore
from bot.ports.break_glass import BreakGlassStore
from bot.ports.challenges import ChallengeStore
from bot.ports.changes import ChangeStore
from bot.ports.consent_stores import (
    AuthenticatorStore,
    EnrolmentCodeStore,
    InteractionStore,
    PasskeyStore,
    PendingStore,
    ProofStore,
    ProposalStore,
    RecoveryCodeStore,
)
from bot.ports.installations import InstallationStore
from bot.ports.keys import KeyUseStore, RevocationStore
from bot.ports.mail import LetterStore
from bot.ports.notices import NoticeStore
from bot.ports.people_stores import GuessStore, ToldAccountStore
from bot.ports.provisioning import ProvisionedStore, SignalStore
from bot.ports.references import ReferenceStore
from bot.ports.stores import (
    AuditStore,
    BrowserSessionStore,
    EffectStore,
    InboxStore,
    JobStore,
    LinkStore,
    OutboxStore,
    PersonStore,
    PostedStore,
    RoleStore,
    SessionStore,
    ThrottleStore,
    TokenStore,
)

T = TypeVar("T")


class Transaction(Protocol):
    """One transaction; what must be atomic is done through one of these."""

    inbox: InboxStore
    links: LinkStore
    persons: PersonStore
    roles: RoleStore
    sessions: SessionStore
    browsers: BrowserSessionStore
    interactions: InteractionStore
    pending: PendingStore
    challenges: ChallengeStore
    proposals: ProposalStore
    proofs: ProofStore
    authenticators: AuthenticatorStore
    passkeys: PasskeyStore
    recovery_codes: RecoveryCodeStore
    enrolment_codes: EnrolmentCodeStore
    effects: EffectStore
    audit: AuditStore
    outbox: OutboxStore
    letters: LetterStore
    posted: PostedStore
    tokens: TokenStore
    revocations: RevocationStore
    keys: KeyUseStore
    throttle: ThrottleStore
    guesses: GuessStore
    told_accounts: ToldAccountStore
    jobs: JobStore
    signals: SignalStore
    provisioned: ProvisionedStore
    notices: NoticeStore
    installations: InstallationStore
    references: ReferenceStore
    approvals: ApprovalStore
    substitutions: SubstitutionStore
    changes: ChangeStore
    break_glass: BreakGlassStore


class Database(Protocol):
    """SQLite's one writer thread, or PostgreSQL; services cannot tell."""

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a writing transaction; committed when the result is there. Raises `StorageUnavailable`."""
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` read-only. A read never authorises a later write. Raises `StorageUnavailable`."""
        ...
