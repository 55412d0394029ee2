"""The decision: may this write go out? A pure function of the write, the settings and the kind of process."""

from typing import NamedTuple

from plane_guard import process
from plane_guard.keys import is_project_key
from plane_guard.settings import Settings
from plane_guard.vocabulary import PROTECTED_OPS, Op, Reason, Target


class Decision(NamedTuple):
    """A decision and its reason, equal to a plain tuple of the two."""

    allowed: bool
    reason: Reason


LIVE = Decision(allowed=True, reason=Reason.LIVE_RUNTIME)
GUARD_ERROR = Decision(allowed=False, reason=Reason.GUARD_ERROR)
_OPT_IN_DISABLED = Decision(allowed=False, reason=Reason.OPT_IN_DISABLED)
_AMBIGUOUS_TARGET = Decision(allowed=False, reason=Reason.AMBIGUOUS_TARGET)
_PROD_PROJECT_IN_TEST = Decision(allowed=False, reason=Reason.PROD_PROJECT_IN_TEST)
_PROTECTED_OPERATION = Decision(allowed=False, reason=Reason.PROTECTED_OPERATION)
_SANDBOX_ALLOWED = Decision(allowed=True, reason=Reason.SANDBOX_ALLOWED)


def decide(
    project_id: object,
    op: Op | str,
    work_item: object = None,
    *,
    settings: Settings | None = None,
    in_test: bool | None = None,
) -> Decision:
    """Decide on one write to the project with this key. Never raises, whatever it is given.

    Without ``settings`` and ``in_test`` it reads those of the process at call time. With both it is pure. Only
    ``in_test=False`` means a live process. ``work_item`` plays no part in the decision.
    """
    del work_item
    try:
        if in_test is False or (in_test is None and not process.in_test_process()):
            return LIVE
        known = op if type(op) is Op else Op(op)  # pragma: no mutate  an op is itself; this saves the look-up
        return _decide(project_id, known, process.settings() if settings is None else settings)
    except Exception:  # noqa: BLE001  an error inside the guard blocks
        return GUARD_ERROR


def _decide(project_id: object, op: Op, settings: Settings) -> Decision:
    if settings.protection_known is not True:
        return GUARD_ERROR
    if settings.write_enabled is not True:
        return _OPT_IN_DISABLED
    if not is_project_key(project_id):
        return _AMBIGUOUS_TARGET
    project_id = str.__str__(project_id)  # a subclass could define its own equality
    if project_id in settings.protected_projects or project_id not in settings.sandbox_projects:
        return _PROD_PROJECT_IN_TEST
    return _PROTECTED_OPERATION if op in PROTECTED_OPS else _SANDBOX_ALLOWED


def target_of(project_id: object, settings: Settings) -> Target:
    """Return the target of a project key: sandbox if it is allowlisted and not protected, else prod."""
    if not is_project_key(project_id):
        return Target.UNRESOLVED
    if project_id in settings.sandbox_projects and project_id not in settings.protected_projects:
        return Target.SANDBOX
    return Target.PROD
