from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from clusters.operations import locks

pytestmark = pytest.mark.django_db


def test_a_lock_has_one_owner_at_a_time() -> None:
    assert locks.acquire("main:local:shop", "a", "Deploy shop")
    assert locks.acquire("main:local:shop", "a", "Deploy shop")
    assert not locks.acquire("main:local:shop", "b", "Destroy shop")
    assert locks.acquire("main:local:cart", "b", "Destroy cart")
    assert locks.holder("main:local:shop") == "Deploy shop"


def test_only_the_owner_releases() -> None:
    locks.acquire("key", "a", "")
    locks.release("key", "b")
    assert locks.holder("key") == "a"
    locks.release("key", "a")
    locks.release("key", "a")
    assert locks.holder("key") == ""
    assert locks.acquire("key", "b", "")


def test_a_lock_falls_with_its_transaction() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        locks.acquire("key", "a", "")
        raise RuntimeError
    assert locks.holder("key") == ""


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_gets_it() -> None:
    def ask(owner: int) -> bool:
        try:
            with transaction.atomic():
                return locks.acquire("key", str(owner), "")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(12))) == 1
