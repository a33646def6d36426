"""Signal vectors: what goes into `emit()`, and all that must come out."""
