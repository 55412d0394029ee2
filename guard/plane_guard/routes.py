"""Plane's write routes as one table: the op of each, and the fields of its body that name other objects.

A line is ``path  op  [fields that name objects]``. The three surfaces (v1, v2, app) agree wherever they share a
path, so one table serves them all, and methods only matter for work items themselves (``item`` below).

Path: ``a|b`` are two spellings of one route; ``[/{x}]`` adds the member of a collection.
Fields: those that hold ids and nothing else. ``issues[]`` holds work item ids, and ``label:parent`` the id of another
kind of object. Ids in fields that no line lists are looked up in `plane_guard.kinds`.
"""

from functools import cache
from typing import NamedTuple

from plane_guard.vocabulary import Op

ITEM = "item"
READ = "read"
ITEM_PARAMETERS = frozenset({"{work_item_id}", "{related_work_item_id}"})

_IN_PROJECT = """
                                                        project
archive|unarchive|features                              project
members|project-members[/{member_id}]                   member
members/leave                                           member
invitations[/{invitation_id}]                           member
join/{invitation_id}                                    member

issues|work-items                                       create     parent parent_id cycle:cycle_id module:module_ids[]
issues|work-items/{work_item_id}                        item       parent parent_id cycle:cycle_id module:module_ids[]
epics                                                   create     parent parent_id
epics/{work_item_id}                                    item       parent parent_id
epics/{work_item_id}/issues                             relation   work_item_ids[]
work-items/upsert                                       create     parent parent_id cycle:cycle_id module:module_ids[]
work-items/bulk-create                                  create     items[].parent items[].parent_id cycle:items[].cycle_id module:items[].module_ids[]
work-items/bulk-update                                  update     items[].id items[].parent items[].parent_id cycle:items[].cycle_id module:items[].module_ids[]
work-items/bulk-delete                                  delete     ids[]
work-item-templates/{template_id}/use                   create     project:project_id
bulk-delete-issues                                      delete     issue_ids[]
bulk-archive-issues                                     archive    issue_ids[]
issue-dates                                             update     updates[].id

issues|work-items/{work_item_id}/archive|unarchive      archive
issues|work-items/{work_item_id}/attachments|issue-attachments[/{attachment_id}]  attachment
issues|work-items/{work_item_id}/comments[/{comment_id}]        comment    comment:parent comment:parent_id
issues|work-items/{work_item_id}/comments/bulk-create|upsert    comment   comment:parent comment:parent_id comment:items[].parent comment:items[].parent_id cycle:items[].cycle_id module:items[].module_ids[]
issues|work-items/{work_item_id}/comments/bulk-update           comment   comment:items[].id comment:items[].parent comment:items[].parent_id cycle:items[].cycle_id module:items[].module_ids[]
issues|work-items/{work_item_id}/comments/bulk-delete           comment   comment:ids[]
issues|work-items/{work_item_id}/reactions[/{reaction_code}]    comment
issues|work-items/{work_item_id}/subscribe                      comment
issues|work-items/{work_item_id}/issue-subscribers[/{subscriber_id}]  comment
issues|work-items/{work_item_id}/links|issue-links[/{link_id}]  link
issues|work-items/{work_item_id}/worklogs[/{worklog_id}]        worklog
issues|work-items/{work_item_id}/pages[/{page_id}]              page
issues|work-items/{work_item_id}/modules                        module     module:modules[] module:removed_modules[]
issues|work-items/{work_item_id}/workflow-approval              state
issues|work-items/{work_item_id}/issue-properties|work-item-properties/{property_id}/values  update
issues|work-items/{work_item_id}/dependencies[/{related_work_item_id}]          relation   work_item_ids[]
issues|work-items/{work_item_id}/work-item-relations[/{related_work_item_id}]   relation   work_item_ids[]
issues|work-items/{work_item_id}/relations[/{related_work_item_id}]             relation   issues[] work_item_ids[] relation_type:relation_definition_id
issues|work-items/{work_item_id}/relations/remove               relation   related_issue
issues|work-items/{work_item_id}/remove-relation                relation   related_issue
issues|work-items/{work_item_id}/issue-relation                 relation   issues[]
issues|work-items/{work_item_id}/sub-issues                     relation   sub_issue_ids[]
comments/{comment_id}/reactions[/{reaction_code}]               comment

cycles[/{cycle_id}]                                     cycle      project:project_id
cycles/bulk-create|upsert                               cycle
cycles/bulk-update                                      cycle      cycle:items[].id
cycles/bulk-delete                                      cycle      cycle:ids[]
cycles/date-check                                       read
cycles/{cycle_id}/archive                               cycle
cycles/{cycle_id}/transfer|transfer-issues              cycle      cycle:new_cycle_id
cycles/{cycle_id}/cycle-issues[/{work_item_id}]         cycle      issues[]
cycles/{cycle_id}/work-items                            cycle      add[] remove[]
cycles/{cycle_id}/user-properties                       config
archived-cycles[/{cycle_id}]                            cycle
archived-cycles/{cycle_id}/archive|unarchive            cycle
modules[/{module_id}]                                   module
modules/bulk-create|upsert                              module
modules/bulk-update                                     module     module:items[].id
modules/bulk-delete                                     module     module:ids[]
modules/{module_id}/archive                             module
modules/{module_id}/issues|module-issues[/{work_item_id}]  module   issues[]
modules/{module_id}/work-items                          module     add[] remove[]
modules/{module_id}/module-links[/{link_id}]            module
modules/{module_id}/user-properties                     config
archived-modules[/{module_id}]                          module
archived-modules/{module_id}/unarchive                  module
milestones[/{milestone_id}]                             milestone
milestones/bulk-create|upsert                           milestone
milestones/bulk-update                                  milestone  milestone:items[].id
milestones/bulk-delete                                  milestone  milestone:ids[]
milestones/{milestone_id}/work-items                    milestone  issues[] add[] remove[]

labels|issue-labels[/{label_id}]                        label      label:parent
labels/bulk-create|upsert                               label      label:items[].parent
labels/bulk-update                                      label      label:items[].id label:items[].parent
labels/bulk-delete                                      label      label:ids[]
bulk-create-labels                                      label      label:label_data[].parent
intake-issues|inbox-issues[/{work_item_id}]             intake     duplicate_to duplicate_to_id
intake-issues|inbox-issues/{work_item_id}/status        intake     duplicate_to duplicate_to_id
intakes|inboxes[/{intake_id}]                           intake
pages[/{page_id}]                                       page       page:parent page:parent_id
pages/{page_id}/access|archive|description|duplicate|lock  page
favorite-pages/{page_id}                                page
pages/templates[/{template_id}]                         config

states[/{state_id}]                                     config
states/bulk-create|upsert                               config
states/bulk-update                                      config     state:items[].id
states/bulk-delete                                      config     state:ids[]
states/{state_id}/mark-default                          config
estimates[/{estimate_id}]                               config     point:estimate_points[].id
estimates/bulk-create|upsert                            config
estimates/bulk-update                                   config     estimate:items[].id
estimates/bulk-delete                                   config     estimate:ids[]
estimates/{estimate_id}/points|estimate-points[/{point_id}]  config
estimates/{estimate_id}/points/bulk-create|upsert       config
estimates/{estimate_id}/points/bulk-update              config     point:items[].id
estimates/{estimate_id}/points/bulk-delete              config     point:ids[]
issue-types|work-item-types[/{type_id}]                 config     project:project_ids[]
issue-types|work-item-types/{type_id}/issue-properties|work-item-properties|properties[/{property_id}]  config
work-item-types/{type_id}/mark-default|workflow         config
work-item-types/enable                                  config
work-item-types/import|import-work-item-types           config     type:work_item_types[]
import-work-item-types                                  config     type:work_item_types[]
work-item-properties[/{property_id}]                    config
issue-properties|work-item-properties/{property_id}/options[/{option_id}]  config
work-item-templates[/{template_id}]                     config
workitems/templates[/{template_id}]                     config
workflows[/{workflow_id}]                               config
workflows/{workflow_id}/states[/{state_id}]             config
workflows/{workflow_id}/states/{state_id}/transfer      config     state:new_state_id
workflows/{workflow_id}/state-transitions[/{transition_id}]  config
workflows/{workflow_id}/state-transitions/{transition_id}/hooks[/{hook_id}]  config
workflow-fallback-preview                               read
automations[/{automation_id}]                           config     project:project_ids[]
automations/{automation_id}/edges[/{edge_id}]           config
automations/{automation_id}/nodes[/{node_id}]           config
automations/{automation_id}/nodes/{node_id}/regenerate-webhook-secret  config
automations/{automation_id}/status                      config
views[/{view_id}]                                       config
project-views                                           config
project-deploy-boards[/{deploy_board_id}]               config     unknown:entity_identifier
preferences/member/{member_id}                          config
user-properties                                         config
user-favorite-cycles[/{cycle_id}]                       config
user-favorite-modules[/{module_id}]                     config
user-favorite-views[/{view_id}]                         config
ai-assistant                                            read
"""

_PROJECT_ASSETS = """
                                                        attachment  unknown:entity_identifier
{asset_id}                                                    attachment  unknown:entity_identifier
{entity_id}/bulk                                        attachment  asset:asset_ids[]
issues/{work_item_id}/attachments[/{attachment_id}]     attachment
"""

# Nothing below here can be placed in a project, so none of it is ever allowed in a test process: only routes whose
# op is not plain `workspace` need a line.
_IN_WORKSPACE = """
projects                                                project
projects/bulk-create|bulk-update|upsert                 project
projects/templates[/{template_id}]                      workspace
projects/templates/use                                  project
invitations[/{invitation_id}]                           member
invitations/bulk                                        member
invitations/{invitation_id}/join                        member
members/{member_id}                                     member
members/leave|remove                                    member
pages[/{page_id}]                                       page
pages/{page_id}/archive                                 page
pages/templates[/{template_id}]                         workspace
assets|file-assets[/{asset_id}]                         attachment
draft-to-issue/{draft_id}                               create
customers/{customer_id}/issues[/{work_item_id}]         relation
customers/{customer_id}/work-items                      relation
initiatives/{initiative_id}/epics|work-items            relation
releases/{release_id}/work-items                        relation
user-favorite-projects/{project_id}                     workspace
work-items/advanced-search                              read
work-item-types/{type_id}/governance/preview            read
ai-assistant                                            read
"""

_WORKSPACE_ASSETS = """
                                                        attachment
{asset_id}                                              attachment
duplicate-assets|restore/{asset_id}                     attachment
"""

_PUBLIC_BOARDS = """
api/public/anchor/{anchor}/comments/{comment_id}/reactions[/{reaction_code}]            comment
api/public/anchor/{anchor}/issues/{work_item_id}/comments[/{comment_id}]                comment
api/public/anchor/{anchor}/issues/{work_item_id}/reactions[/{reaction_code}]            comment
api/public/anchor/{anchor}/issues/{work_item_id}/votes                                  comment
api/public/anchor/{anchor}/intakes/{intake_id}/inbox-issues|intake-issues[/{work_item_id}]  intake
api/public/assets/v2/anchor/{anchor}[/{asset_id}]                                       attachment
api/public/assets/v2/anchor/{anchor}/restore/{asset_id}                                 attachment
api/public/assets/v2/anchor/{anchor}/{entity_id}/bulk                                   attachment
"""


class Route(NamedTuple):
    """One line of the table, for one spelling of its path."""

    template: str
    op: str
    fields: tuple[str, ...] = ()


class Scope(NamedTuple):
    """The routes below one kind of path, and the op of those that the table does not know."""

    table: str
    default_op: str


PROJECT = Scope(_IN_PROJECT, Op.UNKNOWN)
PROJECT_ASSETS = Scope(_PROJECT_ASSETS, Op.ATTACHMENT)
WORKSPACE = Scope(_IN_WORKSPACE, Op.WORKSPACE)
WORKSPACE_ASSETS = Scope(_WORKSPACE_ASSETS, Op.ATTACHMENT)
INSTANCE = Scope(_PUBLIC_BOARDS, Op.WORKSPACE)


def find(scope: Scope, segments: tuple[str, ...]) -> Route | None:
    """Return the route of a path below its workspace or project. A literal segment wins over a parameter."""
    return _walk(_tree(scope), segments)


def _walk(node: "_Node", segments: tuple[str, ...]) -> Route | None:
    if not segments:
        return node.route
    for name in (segments[0], "{}"):
        below = node.below.get(name)
        found = _walk(below, segments[1:]) if below is not None else None
        if found is not None:
            return found
    return None


class _Node:
    __slots__ = ("below", "route")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.route: Route | None = None


@cache
def _tree(scope: Scope) -> _Node:
    root = _Node()
    for line in scope.table.strip("\n").splitlines():
        words = line.split()
        if line[:1] == " ":
            words.insert(0, "")
        if words:
            _plant(root, *words)
    return root


def _plant(root: _Node, path: str, op: str, *fields: str) -> None:
    collection, _, member = path.partition("[/")
    for template in _spellings(collection, member.removesuffix("]")):
        node = root
        for segment in template:
            node = node.below.setdefault("{}" if segment[0] == "{" else segment, _Node())
        node.route = Route("/".join(template), op, fields)


def _spellings(collection: str, member: str) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = [()]
    for segment in filter(None, collection.split("/")):
        paths = [(*path, spelling) for path in paths for spelling in segment.split("|")]
    return paths + [(*path, member) for path in paths if member]
