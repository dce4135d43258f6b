"""Every stage type by its key, one line each. A file holds one type; base.py and parts/ are what they share.

To add one: write the file, add its line here, its panel in templates/pipelines/stages/ and its test.
"""

from __future__ import annotations

from pipelines.core.plan import StageType
from pipelines.stages.bake import Bake
from pipelines.stages.bulk_quick_patch import BulkQuickPatch
from pipelines.stages.check_preconditions import CheckPreconditions
from pipelines.stages.clone_server_group import CloneServerGroup
from pipelines.stages.create_server_group import CreateServerGroup
from pipelines.stages.delete_load_balancer import DeleteLoadBalancer
from pipelines.stages.delete_scaling_policy import DeleteScalingPolicy
from pipelines.stages.delete_security_group import DeleteSecurityGroup
from pipelines.stages.deploy import Deploy
from pipelines.stages.deregister_instances_from_load_balancer import DeregisterInstancesFromLoadBalancer
from pipelines.stages.destroy_server_group import DestroyServerGroup
from pipelines.stages.determine_target_server_group import DetermineTargetServerGroup
from pipelines.stages.disable_cluster import DisableCluster
from pipelines.stages.disable_server_group import DisableServerGroup
from pipelines.stages.enable_server_group import EnableServerGroup
from pipelines.stages.evaluate_variables import EvaluateVariables
from pipelines.stages.find_image import FindImage
from pipelines.stages.find_image_from_tags import FindImageFromTags
from pipelines.stages.get_properties import GetProperties
from pipelines.stages.jenkins import Jenkins
from pipelines.stages.manual_judgment import ManualJudgment
from pipelines.stages.modify_aws_scaling_process import ModifyAwsScalingProcess
from pipelines.stages.pipeline import Pipeline
from pipelines.stages.quick_patch import QuickPatch
from pipelines.stages.reboot_instances import RebootInstances
from pipelines.stages.register_instances_with_load_balancer import RegisterInstancesWithLoadBalancer
from pipelines.stages.resize_server_group import ResizeServerGroup
from pipelines.stages.rollback_cluster import RollbackCluster
from pipelines.stages.rollback_server_group import RollbackServerGroup
from pipelines.stages.scale_down_cluster import ScaleDownCluster
from pipelines.stages.script import Script
from pipelines.stages.shrink_cluster import ShrinkCluster
from pipelines.stages.terminate_instances import TerminateInstances
from pipelines.stages.update_application import UpdateApplication
from pipelines.stages.upsert_asg_scheduled_actions import UpsertAsgScheduledActions
from pipelines.stages.upsert_image_tags import UpsertImageTags
from pipelines.stages.upsert_load_balancer import UpsertLoadBalancer
from pipelines.stages.upsert_scaling_policy import UpsertScalingPolicy
from pipelines.stages.upsert_security_group import UpsertSecurityGroup
from pipelines.stages.wait import Wait
from pipelines.stages.watch_server_group import WatchServerGroup
from pipelines.stages.webhook import Webhook

STAGE_TYPES: dict[str, StageType] = {
    "bake": Bake(),
    "bulkQuickPatch": BulkQuickPatch(),
    "checkPreconditions": CheckPreconditions(),
    "cloneServerGroup": CloneServerGroup(),
    "createServerGroup": CreateServerGroup(),
    "deleteLoadBalancer": DeleteLoadBalancer(),
    "deleteScalingPolicy": DeleteScalingPolicy(),
    "deleteSecurityGroup": DeleteSecurityGroup(),
    "deploy": Deploy(),
    "deregisterInstancesFromLoadBalancer": DeregisterInstancesFromLoadBalancer(),
    "destroyServerGroup": DestroyServerGroup(),
    "determineTargetServerGroup": DetermineTargetServerGroup(),
    "disableCluster": DisableCluster(),
    "disableServerGroup": DisableServerGroup(),
    "enableServerGroup": EnableServerGroup(),
    "evaluateVariables": EvaluateVariables(),
    "findImage": FindImage(),
    "findImageFromTags": FindImageFromTags(),
    "getProperties": GetProperties(),
    "jenkins": Jenkins(),
    "manualJudgment": ManualJudgment(),
    "modifyAwsScalingProcess": ModifyAwsScalingProcess(),
    "pipeline": Pipeline(),
    "quickPatch": QuickPatch(),
    "rebootInstances": RebootInstances(),
    "registerInstancesWithLoadBalancer": RegisterInstancesWithLoadBalancer(),
    "resizeServerGroup": ResizeServerGroup(),
    "rollbackCluster": RollbackCluster(),
    "rollbackServerGroup": RollbackServerGroup(),
    "scaleDownCluster": ScaleDownCluster(),
    "script": Script(),
    "shrinkCluster": ShrinkCluster(),
    "terminateInstances": TerminateInstances(),
    "updateApplication": UpdateApplication(),
    "upsertAsgScheduledActions": UpsertAsgScheduledActions(),
    "upsertImageTags": UpsertImageTags(),
    "upsertLoadBalancer": UpsertLoadBalancer(),
    "upsertScalingPolicy": UpsertScalingPolicy(),
    "upsertSecurityGroup": UpsertSecurityGroup(),
    "wait": Wait(),
    "webhook": Webhook(),
    "watchServerGroup": WatchServerGroup(),
}

_BY_ALIAS = {alias: stage_type for stage_type in STAGE_TYPES.values() for alias in stage_type.aliases}


def find(key: str) -> StageType | None:
    """The stage type of that key or alias."""
    return STAGE_TYPES.get(key) or _BY_ALIAS.get(key)
