"""The fleet's certificate authority: `create` a folder once, `load` it ever after."""

from collector.adapters.ca.authority import FileAuthority, create, load

__all__ = ["FileAuthority", "create", "load"]
