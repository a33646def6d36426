"""The room event."""
