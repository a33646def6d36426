"""What no text of ours may hold."""
