import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clusters import inventory, queries
from clusters.core import values
from clusters.core.values import Capacity, InvalidValue
from clusters.models import Account, Application, Instance, ServerGroup
from clusters.operations import images
from clusters.providers.base import NotFound
from clusters.providers.memory import MemoryCloud
from clusters.queries import ClusterFilter, ClusterTree
from clusters.trust.permissions import Actor, Refused

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "main", "local"


def launch(cloud: MemoryCloud, image: values.Image, *names: str) -> None:
    for name in names:
        request = values.ServerGroupRequest(REGION, name, image.id, Capacity(0, 2, 2))
        cloud.server_groups.create(ACCOUNT, request, name)
    cloud.advance(2)
    inventory.refresh(ACCOUNT, REGION)


def outline(tree: ClusterTree) -> list[str]:
    return [
        f"{account.name}/{cluster.name}/{region.name}: {' '.join(group.name for group in region.server_groups)}"
        for account in tree.accounts
        for cluster in account.clusters
        for region in cluster.regions
    ]


@pytest.fixture
def full(cloud: MemoryCloud, account: Account, shop: Application, image: values.Image) -> MemoryCloud:
    launch(cloud, image, "shop-web-v001", "shop-web-v002", "shop-api-v000", "cart-v000")
    cloud.server_groups.disable(ACCOUNT, REGION, "shop-web-v001")
    inventory.refresh(ACCOUNT, REGION)
    return cloud


def test_a_live_cluster_is_newest_first_without_what_is_going(full: MemoryCloud, bob: Actor) -> None:
    newest, older = queries.live_cluster(bob, ACCOUNT, REGION, "shop-web")
    assert (newest.name, older.name) == ("shop-web-v002", "shop-web-v001")
    full.server_groups.destroy(ACCOUNT, REGION, "shop-web-v002")
    assert [g.name for g in queries.live_cluster(bob, ACCOUNT, REGION, "shop-web")] == ["shop-web-v001"]
    assert len(queries.live_cluster(bob, ACCOUNT, REGION, "shop-web", with_destroyed=True)) == 2


def test_live_reads_say_what_is_missing(full: MemoryCloud, bob: Actor) -> None:
    assert queries.live_server_group(bob, ACCOUNT, REGION, "cart-v000").name == "cart-v000"
    assert queries.live_images(bob, ACCOUNT, REGION)[0].name == "shop-1.0"
    with pytest.raises(NotFound):
        queries.live_server_group(bob, ACCOUNT, REGION, "cart-v001")
    with pytest.raises(NotFound):
        queries.live_image(bob, ACCOUNT, REGION, "img-0")
    with pytest.raises(InvalidValue, match="does not exist"):
        queries.live_images(bob, "prod", REGION)
    Account.objects.update(is_enabled=False)
    with pytest.raises(InvalidValue, match="disabled"):
        queries.live_images(bob, ACCOUNT, REGION)


@pytest.mark.parametrize(
    "read",
    [
        lambda actor: queries.live_cluster(actor, ACCOUNT, REGION, "shop-web"),
        lambda actor: queries.live_server_group(actor, ACCOUNT, REGION, "cart-v000"),
        lambda actor: queries.live_images(actor, ACCOUNT, REGION),
        lambda actor: queries.live_image(actor, ACCOUNT, REGION, "img-0"),
        lambda actor: queries.packages(actor, ACCOUNT),
        lambda actor: images.bake(actor, ACCOUNT, REGION, "bake-0"),
    ],
    ids=["cluster", "server group", "images", "image", "packages", "bake"],
)
def test_live_reads_need_read_on_the_account(full: MemoryCloud, charlie: Actor, read) -> None:
    calls = len(full.calls)
    with pytest.raises(Refused, match="charlie lacks READ on account main"):
        read(charlie)
    assert len(full.calls) == calls, "the cloud is not even asked"
    assert queries.accounts_of(charlie, "memory") == []


def test_the_tree_goes_from_account_to_server_group(full: MemoryCloud, shop: Application, bob: Actor) -> None:
    tree = queries.cluster_tree(bob, shop)
    assert outline(tree) == ["main/shop-api/local: shop-api-v000", "main/shop-web/local: shop-web-v002 shop-web-v001"]
    assert tree.facets == {"accounts": ["main"], "regions": ["local"], "stacks": ["api", "web"], "details": []}
    assert [row.region for row in tree.freshness] == ["local"]


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        (ClusterFilter(stacks=frozenset({"api"})), "shop-api-v000"),
        (ClusterFilter(accounts=frozenset({"prod"})), ""),
        (ClusterFilter(regions=frozenset({"local"}), states=frozenset({"Disabled"})), "shop-web-v001"),
        (ClusterFilter(states=frozenset({"Draining"})), ""),
        (ClusterFilter(states=frozenset({"Up"}), stacks=frozenset({"web"})), "shop-web-v002 shop-web-v001"),
        (ClusterFilter(text="WEB-v002"), "shop-web-v002"),
        (ClusterFilter(text="shop-1.0"), "shop-api-v000 shop-web-v002 shop-web-v001"),
        (ClusterFilter(text="cluster:shop-web"), "shop-web-v002 shop-web-v001"),
        (ClusterFilter(text="cluster:shop"), ""),
    ],
)
def test_a_filter_narrows_the_tree(
    full: MemoryCloud, shop: Application, bob: Actor, shown: ClusterFilter, names: str
) -> None:
    tree = queries.cluster_tree(bob, shop, shown)
    assert " ".join(line.partition(": ")[2] for line in outline(tree)) == names
    assert tree.facets["stacks"] == ["api", "web"], "what can be chosen does not shrink"


def test_an_instance_is_found_by_its_id(full: MemoryCloud, shop: Application, bob: Actor) -> None:
    instance = Instance.objects.filter(server_group__name="shop-web-v002").first()
    assert instance
    assert outline(queries.cluster_tree(bob, shop, ClusterFilter(text=instance.instance_id))) == [
        "main/shop-web/local: shop-web-v002"
    ]
    found = queries.instance_for(bob, shop, ACCOUNT, REGION, instance.instance_id)
    assert found.server_group.name == "shop-web-v002"
    assert instance.instance_id in queries.instance_log(found)


def test_the_tree_takes_the_same_queries_for_any_number(
    cloud: MemoryCloud, account: Account, shop: Application, image: values.Image, bob: Actor
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as executed:
            for line in queries.cluster_tree(bob, shop).accounts:
                [i.health for c in line.clusters for r in c.regions for g in r.server_groups for i in g.instances.all()]
        return len(executed)

    launch(cloud, image, "shop-web-v000")
    one = count()
    launch(cloud, image, *(f"shop-s{n % 5}-v{n:03d}" for n in range(50)))
    assert one == count() == 3


def test_a_server_group_is_shown_with_what_belongs_to_it(full: MemoryCloud, shop: Application, bob: Actor) -> None:
    full.load_balancers.upsert(ACCOUNT, values.LoadBalancerRequest(REGION, "shop-web", values.Listener(8080)))
    image = queries.live_images(bob, ACCOUNT, REGION)[0]
    request = values.ServerGroupRequest(
        REGION, "shop-web-v003", image.id, Capacity(0, 1, 1), load_balancers=("shop-web",)
    )
    full.server_groups.create(ACCOUNT, request, "t")
    inventory.refresh(ACCOUNT, REGION)
    detail = queries.server_group_detail(bob, shop, ACCOUNT, REGION, "shop-web-v003")
    assert [row.name for row in detail.siblings] == ["shop-web-v002", "shop-web-v001"]
    assert [row.name for row in detail.load_balancers] == ["shop-web"]
    assert detail.image
    assert detail.image.version == "1.0"
    assert not detail.is_last_enabled
    assert queries.server_group_detail(bob, shop, ACCOUNT, REGION, "shop-api-v000").is_last_enabled


def test_a_stranger_sees_nothing(full: MemoryCloud, shop: Application, charlie: Actor) -> None:
    assert not queries.applications_for(charlie)
    assert not queries.accounts_for(charlie)
    assert queries.cluster_tree(charlie, shop).accounts == []
    assert queries.cluster_tree(charlie, shop).freshness == []
    for rows in (queries.images_for, queries.load_balancers_for, queries.security_groups_for, queries.packages_for):
        assert not rows(charlie)
    with pytest.raises(Application.DoesNotExist):
        queries.application_for(charlie, "shop")
    with pytest.raises(ServerGroup.DoesNotExist):
        queries.server_group_detail(charlie, shop, ACCOUNT, REGION, "shop-api-v000")


def test_lists_show_what_the_actor_may_read(full: MemoryCloud, shop: Application, bob: Actor) -> None:
    assert [(row.name, row.server_group_count) for row in queries.applications_for(bob)] == [("shop", 3)]
    assert queries.application_for(bob, "shop") == shop
    assert [row.name for row in queries.images_for(bob, "shop")] == ["shop-1.0"]
    assert not queries.images_for(bob, "cart")
    assert [(row.name, packages) for row, packages in queries.packages_for(bob)] == [("main", [])]
    with pytest.raises(Application.DoesNotExist):
        queries.application_for(bob, "cart")
