"""The database's own guards: its clock, the status table, and a history that only grows."""

from django.db import migrations

from pipelines.core.status import EXECUTION_MOVES, STAGE_MOVES

CLOCK = """
CREATE FUNCTION engine_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT clock_timestamp() + coalesce(nullif(current_setting('spinnaker.clock_offset', true), '')::interval, '0'::interval)
$$;
"""


def _reachable(moves, status, found=frozenset()):
    for after in moves.get(status, frozenset()) - found:
        found = _reachable(moves, after, found | {after})
    return found


def _allowed(moves):
    """Every move along the table; one transaction may make several at once."""
    return ", ".join(f"'{before}>{after}'" for before in moves for after in sorted(_reachable(moves, before)))


# A complete execution opens again only with a higher attempt: a restart, never a slip.
MOVES = f"""
CREATE FUNCTION execution_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.status || '>' || NEW.status) NOT IN ({_allowed(EXECUTION_MOVES)})
     AND NOT (NEW.attempt = OLD.attempt + 1 AND NEW.status = 'RUNNING') THEN
    RAISE EXCEPTION 'execution % may not go from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER execution_moves BEFORE UPDATE OF status ON pipelines_execution
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION execution_moves();

CREATE FUNCTION stage_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.status || '>' || NEW.status) NOT IN ({_allowed(STAGE_MOVES)}) THEN
    RAISE EXCEPTION 'stage % may not go from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER stage_moves BEFORE UPDATE OF status ON pipelines_stage
  FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION stage_moves();
"""

HISTORY = """
CREATE FUNCTION event_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('spinnaker.pruning', true), '') <> 'on' THEN
    RAISE EXCEPTION 'events are history: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER event_is_history BEFORE UPDATE OR DELETE ON pipelines_event
  FOR EACH ROW EXECUTE FUNCTION event_is_history();
"""

UNDO = """
DROP TRIGGER event_is_history ON pipelines_event; DROP FUNCTION event_is_history();
DROP TRIGGER stage_moves ON pipelines_stage; DROP FUNCTION stage_moves();
DROP TRIGGER execution_moves ON pipelines_execution; DROP FUNCTION execution_moves();
DROP FUNCTION engine_now();
"""


class Migration(migrations.Migration):
    dependencies = [("pipelines", "0001_initial")]
    operations = [migrations.RunSQL([CLOCK, MOVES, HISTORY], UNDO)]
