"""TOML to typed configuration. A bad file names itself, the key and what was expected."""
