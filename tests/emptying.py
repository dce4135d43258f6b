"""Pytest plugin: after a test that commits, empty the tables that hold rows, and no others; drop the database at once.

Django's own way truncates every table and makes all permissions again, which costs more than many of these tests do.
"""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.backends.postgresql.creation import DatabaseCreation
from django.test import TransactionTestCase

# What the migrations and their signal make once for the whole session.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.fixture(autouse=True, scope="session")
def fast_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty())
        patch.setattr(DatabaseCreation, "_destroy_test_db", lambda creation, name, _verbosity: drop(creation, name))
        yield


def empty() -> None:
    tables = [table for table in connection.introspection.table_names() if table not in KEPT]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables))
        if filled := [table for (table,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


def drop(creation: DatabaseCreation, name: str) -> None:
    """Also while a process or thread of a test is still leaving: PostgreSQL would wait for it, in vain mostly."""
    with creation._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
