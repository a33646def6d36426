"""A tree in a TOML file: read, written, overridden in part, and described as JSON Schema.

It owns the form of such a file (`files`). A file names code to be imported: who may write it may
run what they like (``imports=False`` forbids it). It starts nothing.
"""

from supervisors.config._reader import Guard
from supervisors.config.files import apply_overrides, dump_spec, json_schema, load_spec

__all__ = ["Guard", "apply_overrides", "dump_spec", "json_schema", "load_spec"]
