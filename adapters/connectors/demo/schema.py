"""The tables of the demo HR and CRM system: amounts in cents, days in halves, dates in ISO form."""

from __future__ import annotations

LABEL = "doorward demo backend, made-up people and amounts"

SCHEMA = """
CREATE TABLE label (text TEXT NOT NULL);

CREATE TABLE employee (
  id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, name TEXT NOT NULL, first_name TEXT NOT NULL,
  department TEXT NOT NULL, region TEXT NOT NULL, manager TEXT REFERENCES employee(id),
  title TEXT NOT NULL, hired_on TEXT NOT NULL, left_on TEXT,
  email TEXT NOT NULL, phone TEXT NOT NULL, address TEXT NOT NULL, profile_version INTEGER NOT NULL DEFAULT 1,
  pay_cents INTEGER NOT NULL, currency TEXT NOT NULL, pay_effective TEXT NOT NULL,
  pay_version INTEGER NOT NULL DEFAULT 1, benefits_version INTEGER NOT NULL DEFAULT 1
);
CREATE VIEW employee_called AS
  SELECT id AS employee, lower(id) AS called FROM employee UNION SELECT id, username FROM employee
  UNION SELECT id, lower(name) FROM employee UNION SELECT id, lower(first_name) FROM employee;
CREATE TABLE hr_officer (
  employee TEXT NOT NULL REFERENCES employee(id), department TEXT NOT NULL, PRIMARY KEY (employee, department)
);
CREATE TABLE holiday (region TEXT NOT NULL, day TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (region, day));
CREATE TABLE leave_type (
  id TEXT PRIMARY KEY, position INTEGER NOT NULL, name TEXT NOT NULL, approval TEXT NOT NULL,
  second_over_halves INTEGER, allowance_halves INTEGER, sensitive INTEGER NOT NULL
);
CREATE TABLE leave (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT GENERATED ALWAYS AS ('L-' || number) VIRTUAL UNIQUE,
  employee TEXT NOT NULL REFERENCES employee(id), type TEXT NOT NULL REFERENCES leave_type(id),
  start_on TEXT NOT NULL, end_on TEXT NOT NULL, portion TEXT NOT NULL, halves INTEGER NOT NULL CHECK (halves > 0),
  state TEXT NOT NULL, note TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1, created_at TEXT NOT NULL,
  approver TEXT REFERENCES employee(id), first_decided_by TEXT REFERENCES employee(id),
  decided_by TEXT REFERENCES employee(id), decided_at TEXT, decision_note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX leave_employee ON leave (employee, type);
CREATE INDEX leave_approver ON leave (approver, state);
CREATE TABLE leave_day (
  leave INTEGER NOT NULL REFERENCES leave(number), day TEXT NOT NULL, portion TEXT NOT NULL, halves INTEGER NOT NULL,
  PRIMARY KEY (leave, day)
) WITHOUT ROWID;
CREATE TABLE payslip (
  id TEXT PRIMARY KEY, employee TEXT NOT NULL REFERENCES employee(id), month TEXT NOT NULL, number TEXT NOT NULL UNIQUE,
  period_start TEXT NOT NULL, period_end TEXT NOT NULL, currency TEXT NOT NULL,
  gross_cents INTEGER NOT NULL, net_cents INTEGER NOT NULL, UNIQUE (employee, month)
);
CREATE TABLE payslip_line (
  payslip TEXT NOT NULL REFERENCES payslip(id), position INTEGER NOT NULL,
  code TEXT NOT NULL, label TEXT NOT NULL, cents INTEGER NOT NULL, PRIMARY KEY (payslip, position)
) WITHOUT ROWID;
CREATE TABLE benefit (
  code TEXT PRIMARY KEY, position INTEGER NOT NULL, name TEXT NOT NULL
);
CREATE TABLE benefit_choice (
  code TEXT NOT NULL REFERENCES benefit(code), choice TEXT NOT NULL,
  employer_cents INTEGER NOT NULL, employee_cents INTEGER NOT NULL, PRIMARY KEY (code, choice)
);
CREATE TABLE employee_benefit (
  employee TEXT NOT NULL REFERENCES employee(id), code TEXT NOT NULL, choice TEXT NOT NULL,
  PRIMARY KEY (employee, code), FOREIGN KEY (code, choice) REFERENCES benefit_choice(code, choice)
);

CREATE TABLE representative (id TEXT PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL);
CREATE TABLE customer (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, region TEXT NOT NULL, industry TEXT NOT NULL,
  owner TEXT REFERENCES representative(id), contact_name TEXT NOT NULL, contact_email TEXT NOT NULL,
  contact_phone TEXT NOT NULL, note TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE ticket (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT GENERATED ALWAYS AS ('T-' || number) VIRTUAL UNIQUE,
  customer TEXT NOT NULL REFERENCES customer(id), subject TEXT NOT NULL, description TEXT NOT NULL,
  status TEXT NOT NULL, priority TEXT NOT NULL, owner TEXT REFERENCES representative(id),
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX ticket_customer ON ticket (customer);
CREATE TABLE opportunity (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customer(id), name TEXT NOT NULL,
  status TEXT NOT NULL, stage TEXT NOT NULL, amount_cents INTEGER NOT NULL, currency TEXT NOT NULL,
  probability INTEGER NOT NULL, close_on TEXT NOT NULL, owner TEXT REFERENCES representative(id),
  version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX opportunity_customer ON opportunity (customer);

CREATE TABLE done (
  actor TEXT NOT NULL, operation TEXT NOT NULL, idempotency_key TEXT NOT NULL,
  request_digest TEXT NOT NULL, answer TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (actor, operation, idempotency_key)
) WITHOUT ROWID;
"""
