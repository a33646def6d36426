"""Who holds how much: exact while few do, bounded however many there are."""

import pytest

from telemetry_actors._tenants import OWN_CELLS, SHARED_CELLS, RefusedTenants, TenantTable


def add(table, tenant, charged=10):
    cell = table.cell_of(tenant)
    cell[0] += 1
    cell[1] += charged
    return cell


def test_what_is_added_is_held_until_it_is_taken_away():
    table = TenantTable()
    cells = [add(table, "a"), add(table, "a", 5), add(table, "b")]

    assert table.held_by("a") == [2, 15]
    assert table.held_by("b") == [1, 10]
    assert table.active() == 2

    for cell, charged in zip(cells[:2], (10, 5), strict=True):
        table.take_away("a", cell, charged)
    assert table.held_by("a") == [0, 0]
    assert table.active() == 1


def test_asking_for_a_tenant_makes_no_cell():
    table = TenantTable()

    assert [table.held_by(f"t{n}") for n in range(3)] == [[0, 0]] * 3
    assert table.active() == 0


def test_a_million_tenants_cost_a_bounded_table():
    """Those that come while it is full share cells, and give back what they held."""
    table = TenantTable()
    held = [(f"t{n}", add(table, f"t{n}")) for n in range(1_000_000)]

    assert len(table.own) == OWN_CELLS
    shared = {id(cell) for _, cell in held[OWN_CELLS:]}
    assert len(shared) <= SHARED_CELLS
    name, cell = held[-1]
    assert table.held_by(name) == cell
    assert cell[0] > 1

    for tenant, cell in held:
        table.take_away(tenant, cell, 10)
    assert table.active() == 0
    assert {tuple(cell) for cell in table._shared} == {(0, 0)}


def test_an_event_is_taken_away_where_it_was_added_also_from_a_cell_that_was_dropped():
    """A producer had looked the cell up just before the books dropped it."""
    table = TenantTable()
    first = add(table, "a")
    table.take_away("a", first, 10)
    first[0] += 1  # the producer comes back with the old cell
    second = add(table, "a")
    table.take_away("a", first, 0)

    assert table.held_by("a") is second
    assert second == [1, 10]


# -- who is refused -------------------------------------------------------------------------------


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
