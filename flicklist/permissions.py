"""Permissions: what a view asks for, and an access control list grants."""

from enum import StrEnum


class Permission(StrEnum):
    """What a view asks for."""

    VIEW = "view"
    """To see what is there."""

    EDIT = "edit"
    """To change it, or what lies below."""

    NOBODY = "nobody"
    """The default of every view. No access control list grants it: a view that names no permission is closed."""
