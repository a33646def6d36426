"""Who is refused most is named, however many there are."""

from itertools import count

import pytest

from telemetry_actors.door._refused_tenants import RefusedTenants


def test_the_refused_are_named_with_how_often():
    refused = RefusedTenants()
    for tenant, times in (("flood", 50), ("other", 3)):
        for _ in range(times):
            refused.count(tenant)

    assert refused.most() == [("flood", 50), ("other", 3)]
    assert refused.most(1) == [("flood", 50)]


@pytest.mark.parametrize("flood_comes", ["first", "last"])
def test_a_flood_is_named_beside_a_million_others(flood_comes):
    refused = RefusedTenants()
    if flood_comes == "first":
        for _ in range(5000):
            refused.count("flood")
    for n in range(1_000_000):
        refused.count(f"t{n}")
    if flood_comes == "last":
        for _ in range(5000):
            refused.count("flood")

    (tenant, times) = refused.most()[0]
    assert tenant == "flood"
    assert 3000 < times <= 5000


def test_a_long_name_is_cut():
    refused = RefusedTenants()
    refused.count("x" * 5000)

    assert refused.most() == [("x" * 200, 1)]


def test_who_holds_a_place_keeps_it_until_the_others_were_refused_more_often():
    """Not as often: two tenants that take turns would else take the place from one another."""
    refused = RefusedTenants()
    same = (f"t{n}" for n in count() if hash(f"t{n}") % 1024 == hash("holder") % 1024)
    newcomer = next(same)
    for tenant in ("holder", newcomer, newcomer):
        refused.count(tenant)
    assert refused.most() == [("holder", 1)]

    refused.count(newcomer)
    assert refused.most() == [(newcomer, 1)]
