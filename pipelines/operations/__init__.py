"""What people and triggers ask for: permission, validation, audit, then the engine. UI, API and triggers call the same.

executions.py  start, also from a stage, cancel, restart a stage, judge, skip a wait, take over, try again, run a task
rehearsals.py  what a start or a task would do now
tryouts.py     what an expression gives on an execution
admissions.py  what those share
documents.py   save, import, switch on and off, delete a pipeline
errors.py      InvalidInput: what was given is wrong; Conflict: not to the thing as it stands

All of them raise Refused (clusters.trust.permissions) when the actor may not.
"""

from pipelines.operations.documents import (
    SavedPipeline,
    delete_pipeline,
    import_pipeline,
    save_pipeline,
    set_disabled,
)
from pipelines.operations.errors import Conflict, InvalidInput, TooOften
from pipelines.operations.executions import (
    cancel,
    judge,
    may_judge,
    restart_stage,
    run_task,
    skip_wait,
    start,
    start_from_stage,
    take_over,
    try_again,
    waits_for_claim,
)
from pipelines.operations.rehearsals import rehearse_pipeline, rehearse_task
from pipelines.operations.tryouts import try_expression

__all__ = [
    "Conflict",
    "InvalidInput",
    "SavedPipeline",
    "TooOften",
    "cancel",
    "delete_pipeline",
    "import_pipeline",
    "judge",
    "may_judge",
    "rehearse_pipeline",
    "rehearse_task",
    "restart_stage",
    "run_task",
    "save_pipeline",
    "set_disabled",
    "skip_wait",
    "start",
    "start_from_stage",
    "take_over",
    "try_again",
    "try_expression",
    "waits_for_claim",
]
