"""``python -m telemetry_actors.cli``: the command line, where its script is not on the path."""

from telemetry_actors.cli import main

if __name__ == "__main__":
    main()
