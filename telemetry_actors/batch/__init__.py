"""A batch in the hands of an actor, and the places where events are.

It owns the moves of a batch that make a crash cost one event (`actor`), and the list of places in
which an event can be (`places`). It never knows what a stage does with an event.

For others: `actor`, `places`, `lateness`, and `crashes`, by which a user's faults are told.
"""
