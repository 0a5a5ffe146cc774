"""Permissions. A view requires one; an access control list grants them."""

from enum import StrEnum


class Permission(StrEnum):
    """The permissions of views."""

    VIEW = "view"
    """See a page."""

    EDIT = "edit"
    """Change the resource, or those below it."""

    NOBODY = "nobody"
    """The default. No access control list grants it, so a view without a permission is inaccessible."""
