"""Text to definitions: files, YAML, Jinja, and decoding."""
