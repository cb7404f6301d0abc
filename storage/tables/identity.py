"""Who: links, persons, roles, sessions of chats and browsers, and the provider's tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Table

from storage.tables.metadata import (
    authority,
    key,
    metadata,
    moment,
    number,
    optional_moment,
    optional_text,
    sealed,
    text,
)

links = Table(
    "links",
    metadata,
    key("channel"),
    text("identity"),
    text("provider"),
    moment("linked_at"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_links_identity", links.c.identity)

persons = Table(
    "persons",
    metadata,
    key("identity"),
    text("provider"),
    text("username"),
    text("display_name"),
    optional_text("email"),
    text("roles"),
    text("department"),
    text("region"),
    optional_text("manager"),
    optional_text("employee"),
    text("locale"),
    text("timezone"),
    number("locked"),
    text("lock_reason"),
    moment("idp_checked_at"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_persons_username", persons.c.username)
Index("ix_persons_employee", persons.c.employee)

role_grants = Table(
    "role_grants",
    metadata,
    key("id"),
    text("identity"),
    text("role"),
    text("scope"),
    text("granted_by"),
    moment("granted_at"),
    optional_moment("until"),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_role_grants_identity", role_grants.c.identity)

sessions = Table(
    "sessions",
    metadata,
    key("channel"),
    text("id"),
    text("identity"),
    moment("opened_at"),
    moment("last_used_at"),
    moment("absolute_until"),
    optional_moment("auth_time"),
    optional_text("acr"),
    text("amr"),
    Column("silent", SmallInteger),  # 1 where the provider's own session answered; part of the MAC, as NULL is not
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_sessions_identity", sessions.c.identity)
Index("ix_sessions_last_used_at", sessions.c.last_used_at)
Index("ix_sessions_absolute_until", sessions.c.absolute_until)

browser_sessions = Table(
    "browser_sessions",
    metadata,
    key("id"),
    optional_text("identity"),
    moment("opened_at"),
    moment("until"),
    optional_moment("auth_time"),
    text("amr"),
    optional_text("acr"),
    Column("vouched", BigInteger),
    *authority(),
    sqlite_with_rowid=False,
)
Index("ix_browser_sessions_identity", browser_sessions.c.identity)
Index("ix_browser_sessions_until", browser_sessions.c.until)

token_caches = Table(
    "token_caches",
    metadata,
    key("identity"),
    sealed("cache"),
    number("version"),
    moment("updated_at"),
    Column("held_until", BigInteger, nullable=False, server_default="0"),
)
