"""What happens at each path: the one table of the API."""

from typing import Final

from cubbyd.core.path import Path
from cubbyd.errors import UnsupportedPathError, multierror
from cubbyd.logical import cubbyhole, lookup, policy, renewal, revocation, sys, token, tools
from cubbyd.logical.access import ON_FOLDERS
from cubbyd.logical.context import Route
from cubbyd.messages import Operation

ROUTES: Final = {
    **sys.ROUTES,
    **policy.ROUTES,
    **tools.ROUTES,
    **token.ROUTES,
    **lookup.ROUTES,
    **renewal.ROUTES,
    **revocation.ROUTES,
}
"""By the whole path."""

FOLDERS: Final = {**policy.FOLDERS, **tools.FOLDERS, **token.FOLDERS}
"""By the beginning of a path; the rest of it is the handler's to read."""

_MOUNTS: Final = (cubbyhole.MOUNT, "sys/", "auth/token/", "auth/peer/")


def find(operation: Operation, path: Path) -> Route | None:
    """The route of a path, or None when there is nothing."""
    if path.startswith(cubbyhole.MOUNT) or path == cubbyhole.MOUNT[:-1]:
        return cubbyhole.ROUTE
    route = ROUTES.get(path.removesuffix("/"))
    if operation in ON_FOLDERS or path.endswith("/"):
        # What is listed is a folder, with or without its slash; nothing else of that name is meant.
        is_listed = route is not None and Operation.LIST in route.handlers
        return route if is_listed else _below_folder(path)
    return route or _below_folder(path)


def _below_folder(path: Path) -> Route | None:
    found = [folder for folder in FOLDERS if path.startswith(folder) and path != folder]
    return FOLDERS[max(found, key=len)] if found else None


def nowhere(operation: Operation, path: Path) -> UnsupportedPathError:
    """What to say of a path without a route."""
    folder = path if path.endswith("/") else path + "/"
    if folder.startswith(_MOUNTS):
        return UnsupportedPathError(multierror("unsupported path"))
    named = folder if operation in ON_FOLDERS else path
    return UnsupportedPathError(f'no handler for route "{named}". route entry not found.')
