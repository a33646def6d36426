"""The ledger and the status as they are read, and the gateway's metrics about itself.

It owns the form in which numbers are shown: to people, as JSON, to OpenTelemetry and Prometheus. It
never changes anything, asks no actor, and takes no lock that `emit()` meets.

For others: `reading`, `counts`, `sources`, `status`.
"""
