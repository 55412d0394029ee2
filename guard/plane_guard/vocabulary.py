"""The vocabulary of decisions, with the values that users see in traces, logs and messages."""

from __future__ import annotations

from enum import StrEnum


class Op(StrEnum):
    """The operation of a write. The values are span attributes: never rename one."""

    CREATE = "create"
    UPDATE = "update"
    STATE = "state"
    DELETE = "delete"
    ARCHIVE = "archive"
    COMMENT = "comment"
    LINK = "link"
    RELATION = "relation"
    ATTACHMENT = "attachment"
    WORKLOG = "worklog"
    CYCLE = "cycle"
    MODULE = "module"
    MILESTONE = "milestone"
    LABEL = "label"
    INTAKE = "intake"
    PAGE = "page"
    MEMBER = "member"
    PROJECT = "project"
    CONFIG = "config"
    WORKSPACE = "workspace"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The reason for a decision. The values are span attributes: never rename one."""

    LIVE_RUNTIME = "live-runtime"
    OPT_IN_DISABLED = "opt-in-disabled"
    AMBIGUOUS_TARGET = "ambiguous-target"
    PROD_PROJECT_IN_TEST = "prod-project-in-test"
    PROTECTED_OPERATION = "protected-operation"
    SANDBOX_ALLOWED = "sandbox-allowed"
    GUARD_ERROR = "guard-error"
    FOREIGN_REFERENCE = "foreign-reference"
    UNGUARDED_CLIENT = "unguarded-client"


class Target(StrEnum):
    """The target of a write, which does not depend on the decision."""

    SANDBOX = "sandbox"
    PROD = "prod"
    UNRESOLVED = "unresolved"


class Outcome(StrEnum):
    """The outcome of a decision."""

    ALLOW = "allow"
    BLOCK = "block"


READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PROTECTED_OPS = frozenset({Op.PROJECT, Op.MEMBER})
