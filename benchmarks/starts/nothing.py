"""An interpreter that starts nothing."""

from benchmarks.starts._clock import Clock

clock = Clock()
clock.took("import_ms")
clock.took("start_ms")
clock.started()
clock.end(lambda: None)
