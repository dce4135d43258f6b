from django.urls import path

from pipelines.views import actions, console, documents, execution, executions, expression, start

app_name = "pipelines"

#: An id is what the document says it is, so it may hold slashes.
_PIPELINE = "apps/<str:app>/pipelines/<path:pk>"
_EXECUTION = "executions/<str:ulid>"
_STAGE = f"{_EXECUTION}/stages/<str:ref>"

urlpatterns = [
    path("apps/<str:app>/pipelines", executions.pipelines, name="pipelines"),
    path("apps/<str:app>/pipelines/new", documents.create, name="create"),
    path(f"{_PIPELINE}/edit", documents.edit, name="edit"),
    path(f"{_PIPELINE}/revisions", documents.revisions, name="revisions"),
    path(f"{_PIPELINE}/delete", documents.delete, name="delete"),
    path(f"{_PIPELINE}/switch", documents.switch, name="switch"),
    path(f"{_PIPELINE}/start", start.start, name="start"),
    path("executions", executions.executions, name="executions"),
    path("turn", executions.your_turn, name="turn"),
    path(_EXECUTION, execution.execution, name="execution"),
    path(f"{_EXECUTION}/cancel", actions.cancel, name="cancel"),
    path(f"{_EXECUTION}/again", actions.try_again, name="again"),
    path(f"{_EXECUTION}/expression", expression.expression, name="expression"),
    path(f"{_STAGE}/console", console.console, name="console"),
    path(f"{_STAGE}/restart", actions.restart, name="restart"),
    path(f"{_STAGE}/skip", actions.skip, name="skip"),
    path(f"{_STAGE}/take-over", actions.take_over, name="take_over"),
    path(f"{_STAGE}/judge", actions.judge, name="judge"),
]
