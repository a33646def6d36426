"""A configuration file of gunicorn's."""

from telemetry_actors.hosts.gunicorn import post_worker_init, worker_exit

__all__ = ["post_worker_init", "worker_exit"]
