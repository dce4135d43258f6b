"""Named by SPINNAKER_DB_ENGINE=tests.faults.backend: PostgreSQL with crash points around whatever makes a write last."""
