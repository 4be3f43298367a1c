"""What may be done about alarms over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tell nobody of a rule (``*``: of any) for so long; 0 ends it."""

    rule: Name
    seconds: Annotated[float, msgspec.Meta(ge=0, le=30 * 24 * 3600)]


class Acknowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody looks after an alarm that is in force."""

    rule: Name
    who: Name
