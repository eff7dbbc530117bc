"""Frameworks and servers: one file each, imported only by those who use it."""
