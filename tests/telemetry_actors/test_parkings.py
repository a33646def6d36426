"""What parks is remembered: since when, how often, and what was refused meanwhile."""

from telemetry_actors.books.parkings import Parking, Parkings


def test_a_part_that_parks_twice():
    parkings = Parkings()

    assert parkings.park("handlers/x", 10, refused=5)
    assert not parkings.park("handlers/x", 11, refused=7), "a probe that failed is no change"
    assert "handlers/x" in parkings and parkings.now() == {"handlers/x"}
    assert parkings.come_back("handlers/x", 20, refused=9) == 4
    assert "handlers/x" not in parkings and parkings.now() == set()
    assert parkings.park("handlers/x", 30, refused=9)
    assert parkings.by_path == {"handlers/x": Parking(True, 30, 2, 9, 0)}
    assert parkings.come_back("handlers/x", 40, refused=9) == 0


def test_what_never_parked_does_not_come_back():
    parkings = Parkings()

    assert parkings.come_back("", 1, refused=3) == 0
    assert parkings.by_path == {}
