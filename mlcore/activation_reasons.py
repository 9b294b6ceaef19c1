"""The reasons that the program itself gives for an activation: recorded in English, which stays in
the record, and shown in the reader's language.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

AT_INSTALLATION = gettext_noop("The bundled model, at installation.")
_NEW_RELEASE = gettext_noop("The bundled model of this release, in place of {before}.")
_RELEASE = re.compile(re.escape(_NEW_RELEASE).replace(re.escape("{before}"), "(?P<before>.+)"))


def new_release(before: object) -> str:
    """Why the bundled model took over from the one of an earlier release."""
    return _NEW_RELEASE.format(before=before)


def shown(reason: str) -> str:
    """A recorded reason in the active language, where it is one of these; else as it stands."""
    if reason == AT_INSTALLATION:
        return _(AT_INSTALLATION)
    if found := _RELEASE.fullmatch(reason):
        return _(_NEW_RELEASE).format(before=found["before"])
    return reason
