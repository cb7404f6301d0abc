"""One transaction with its stores: what services see as `tx`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.break_glass import Use
from bot.domain.change import Change
from bot.domain.identity import Person, RoleGrant
from bot.domain.session import BrowserSession, Session
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
from storage import (
    approvals,
    authenticators,
    break_glass,
    browser_sessions,
    changes,
    effects,
    enrolment_codes,
    guesses,
    installations,
    ledger,
    links,
    passkeys,
    persons,
    proofs,
    proposals,
    provisioned,
    recovery_codes,
    roles,
    sessions,
    substitutions,
    told_accounts,
)
from storage.audit_log import AuditLog
from storage.authority import AuthorityRows
from storage.challenges import Challenges
from storage.crypto import Keyring
from storage.inbox import Inbox
from storage.interactions import Interactions
from storage.jobs import Jobs
from storage.key_use import KeyUse
from storage.letters import Letters
from storage.notices import Notices
from storage.outbox import Outbox
from storage.pending import Pending
from storage.posted import Posted
from storage.references import References
from storage.revocations import Revocations
from storage.sealing import Sealer
from storage.signals import Signals
from storage.statement import Connection
from storage.tables import approvals as approval_tables
from storage.tables import break_glass as break_glass_tables
from storage.tables import changes as change_tables
from storage.tables import consent, identity
from storage.tables import installations as installation_tables
from storage.tables import ledger as ledger_tables
from storage.tables import provisioning as provisioning_tables
from storage.tables.effects import grants
from storage.throttle import Throttle
from storage.tokens import Tokens

REMEMBERED = 2048
"""Verified rows of links, persons, roles and sessions that are kept parsed (see `AuthorityRows`)."""
RECENT = 256
"""The same of what is read several times while one consent is given, and hardly afterwards."""


class Vault:
    """What all transactions of a database share: the keys, and the kinds of rows that are sealed or carry a MAC."""

    def __init__(self, keys: Keyring) -> None:
        self.keys = keys
        self.sealer = Sealer(keys)
        self.links: AuthorityRows[links.StoredLink] = AuthorityRows(
            identity.links, keys, links.parse, remember=REMEMBERED
        )
        self.persons: AuthorityRows[Person] = AuthorityRows(identity.persons, keys, persons.parse, remember=REMEMBERED)
        self.ledger: AuthorityRows[ledger.Bucket] = AuthorityRows(ledger_tables.known_people, keys, ledger.parse)
        self.guesses: AuthorityRows[guesses.Counts] = AuthorityRows(ledger_tables.guess_counts, keys, guesses.parse)
        self.told: AuthorityRows[told_accounts.Told] = AuthorityRows(
            ledger_tables.told_accounts, keys, told_accounts.parse
        )
        self.roles: AuthorityRows[RoleGrant] = AuthorityRows(
            identity.role_grants, keys, roles.parse, remember=REMEMBERED
        )
        self.sessions: AuthorityRows[Session] = AuthorityRows(
            identity.sessions, keys, sessions.parse, remember=REMEMBERED
        )
        self.browsers: AuthorityRows[BrowserSession] = AuthorityRows(
            identity.browser_sessions, keys, browser_sessions.parse
        )
        self.proposals: AuthorityRows[proposals.StoredProposal] = AuthorityRows(
            consent.proposals, keys, proposals.parse, remember=RECENT
        )
        self.opening = proposals.Opening(keys, self.sealer)
        self.proofs: AuthorityRows[proofs.StoredProof] = AuthorityRows(
            consent.proofs, keys, proofs.parse, remember=RECENT
        )
        self.authenticators: AuthorityRows[authenticators.StoredAuthenticator] = AuthorityRows(
            consent.authenticators, keys, authenticators.parse, remember=RECENT
        )
        self.passkeys: AuthorityRows[passkeys.StoredPasskey] = AuthorityRows(consent.passkeys, keys, passkeys.parse)
        self.recovery_codes: AuthorityRows[recovery_codes.StoredRecoveryCode] = AuthorityRows(
            consent.recovery_codes, keys, recovery_codes.parse
        )
        self.enrolment_codes: AuthorityRows[enrolment_codes.StoredHalf] = AuthorityRows(
            consent.enrolment_codes, keys, enrolment_codes.parse
        )
        self.grants: AuthorityRows[Mapping[str, Any]] = AuthorityRows(grants, keys, effects.parse_grant)
        self.asked: AuthorityRows[approvals.StoredRequest] = AuthorityRows(
            approval_tables.asked_requests, keys, approvals.parse_request
        )
        self.approvals: AuthorityRows[approvals.StoredApproval] = AuthorityRows(
            approval_tables.approvals, keys, approvals.parse_approval
        )
        self.substitutions: AuthorityRows[substitutions.StoredSubstitution] = AuthorityRows(
            approval_tables.substitutions, keys, substitutions.parse
        )
        self.break_glass: AuthorityRows[Use] = AuthorityRows(break_glass_tables.break_glass, keys, break_glass.parse)
        self.changes: AuthorityRows[Change] = AuthorityRows(change_tables.changes, keys, changes.parse)
        self.provisioned: AuthorityRows[provisioned.StoredResource] = AuthorityRows(
            provisioning_tables.provisioned, keys, provisioned.parse
        )
        self.installations: AuthorityRows[installations.StoredInstallation] = AuthorityRows(
            installation_tables.installations, keys, installations.parse
        )


class StoreTransaction:
    """See `bot.ports.database.Transaction`. Stores hold no state of their own, so SQLite's writer uses one for ever."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        keys, sealer = vault.keys, vault.sealer
        self._journal = connection.journal
        self._log = AuditLog(connection)
        known = ledger.Ledger(connection, vault.ledger)
        granted = roles.Roles(connection, vault.roles, known)
        self.inbox: InboxStore = Inbox(connection, keys, sealer)
        self.links: LinkStore = links.Links(connection, vault.links, known)
        self.told_accounts: ToldAccountStore = told_accounts.ToldAccounts(connection, vault.told)
        counts = guesses.Guesses(connection, vault.guesses)
        self.guesses: GuessStore = counts
        self.persons: PersonStore = persons.Persons(connection, vault.persons, granted, known, counts)
        self.roles: RoleStore = granted
        self.sessions: SessionStore = sessions.Sessions(
            connection, keys, vault.sessions, vault.links, vault.persons, granted
        )
        self.browsers: BrowserSessionStore = browser_sessions.BrowserSessions(connection, keys, vault.browsers)
        self.interactions: InteractionStore = Interactions(connection, keys, sealer)
        self.pending: PendingStore = Pending(connection, sealer)
        self.challenges: ChallengeStore = Challenges(connection, sealer)
        self.proposals: ProposalStore = proposals.Proposals(connection, sealer, vault.proposals, vault.opening)
        self.proofs: ProofStore = proofs.Proofs(connection, vault.proofs)
        self.authenticators: AuthenticatorStore = authenticators.Authenticators(
            connection, sealer, vault.authenticators
        )
        self.passkeys: PasskeyStore = passkeys.Passkeys(connection, vault.passkeys)
        self.recovery_codes: RecoveryCodeStore = recovery_codes.RecoveryCodes(connection, keys, vault.recovery_codes)
        self.enrolment_codes: EnrolmentCodeStore = enrolment_codes.EnrolmentCodes(
            connection, keys, vault.enrolment_codes
        )
        self.effects: EffectStore = effects.Effects(connection, sealer, vault.grants)
        self.audit: AuditStore = self._log
        self.outbox: OutboxStore = Outbox(connection, sealer)
        self.letters: LetterStore = Letters(connection, sealer)
        self.posted: PostedStore = Posted(connection)
        self.tokens: TokenStore = Tokens(connection, sealer)
        self.revocations: RevocationStore = Revocations(connection, sealer)
        self.keys: KeyUseStore = KeyUse(connection, keys, sealer)
        self.throttle: ThrottleStore = Throttle(connection)
        self.jobs: JobStore = Jobs(connection)
        self.signals: SignalStore = Signals(connection)
        self.notices: NoticeStore = Notices(connection, sealer)
        self.provisioned: ProvisionedStore = provisioned.ProvisionedResources(connection, sealer, vault.provisioned)
        self.installations: InstallationStore = installations.Installations(connection, sealer, vault.installations)
        self.references: ReferenceStore = References(connection, sealer)
        self.approvals: ApprovalStore = approvals.Approvals(connection, sealer, vault.asked, vault.approvals)
        self.substitutions: SubstitutionStore = substitutions.Substitutions(connection, vault.substitutions)
        self.break_glass: BreakGlassStore = break_glass.BreakGlass(connection, vault.break_glass)
        self.changes: ChangeStore = changes.Changes(connection, vault.changes)

    def begin(self) -> None:
        """Forget what an undone transaction on the same connection left."""
        self._journal.take()

    def settle(self) -> None:
        """Write what changed since the last record into one of its own: no change of authority without a record."""
        if self._journal:
            self._log.settle()
