"""The words of a decision, with the values that users see in traces, logs and messages."""

from __future__ import annotations

from enum import StrEnum


class Op(StrEnum):
    """What a write does. The values are span attributes: never rename one."""

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
    """Why a write was allowed or blocked. The values are span attributes: never rename one."""

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
    """Where a write points, whatever was decided about it."""

    SANDBOX = "sandbox"
    PROD = "prod"
    UNRESOLVED = "unresolved"


class Outcome(StrEnum):
    """What became of a write."""

    ALLOW = "allow"
    BLOCK = "block"


READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PROTECTED_OPS = frozenset({Op.PROJECT, Op.MEMBER})
