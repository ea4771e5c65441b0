"""Decide who else may read what this program writes: recordings of patients are the user's alone unless the user says otherwise.

BMI_GROUP_ACCESS says what the group of a file may do: `none` (0700 folders, 0600 files; the default), `read` (0750, 0640) or `write`
(0770, 0660). Which group that is, the folder says in which the sessions lie (`chgrp lab FOLDER; chmod g+s FOLDER`). Others may never do anything.
The live file and the command socket of a running session stay with its user.
"""

import os

VARIABLE = "BMI_GROUP_ACCESS"
_MASKS = {"none": 0o077, "read": 0o027, "write": 0o007}


class PermissionsError(ValueError):
    """Tell in one line that the setting means nothing."""


def mask() -> int:
    """Return the bits that no file or folder of ours may have.

    Raises
    ------
    PermissionsError
        If the setting is none of those that are allowed.
    """
    said = os.environ.get(VARIABLE, "").strip().lower() or "none"
    if said not in _MASKS:
        raise PermissionsError(f"{VARIABLE}={said}: must be one of {', '.join(_MASKS)}")
    return _MASKS[said]


def apply() -> None:
    """Let everything that this process and its children write from now on have no other permissions.

    Raises
    ------
    PermissionsError
        If the setting is none of those that are allowed.
    """
    os.umask(mask())
