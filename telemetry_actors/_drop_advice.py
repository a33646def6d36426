"""What a reason for dropping means, and what to do about it: for `Status.problems`.

One table, which may be replaced by a larger one; whoever needs the words takes them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telemetry_actors.ledger import Reason

__all__ = ["DROPS"]

_SEE: Final = "their dead letters say which and why"
DROPS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.INVALID_PAYLOAD: f"the payload is not what its case takes: mend the caller; {_SEE}",
        Reason.REHYDRATION_FAILED: "the payload could be read from no store: is the bucket or"
        " directory reachable for all that read it?",
        Reason.HANDLER_CRASH: "the mapping of its case raised: the log says where (ERROR)",
        Reason.STAGE_CRASH: "a part of the gateway, or a sink of your own, raised: the log says"
        " where (ERROR)",
        Reason.ENCODE_ERROR: f"a record has what the wire can't carry: mend the mapping; {_SEE}",
        Reason.REJECTED: f"the receiver refused them: {_SEE}",
        Reason.RETRY_EXHAUSTED: "the receiver could not be reached for too long: mend that, then"
        " replay the dead letters",
        Reason.UNCONFIRMED: "they were sent and no answer came: they may have arrived or not",
        Reason.EXPIRED: "they waited for longer than their case allows",
        Reason.PARKED: "their part had given up after crashes: the log says where (ERROR)",
        Reason.NO_HANDLER: "no case of that name was registered in the process that took them",
        Reason.NO_SINK: "there is no sink: set an endpoint, or hand sinks in",
        Reason.SHUTDOWN: "the process ended before they were sent: give it more time"
        " (lifecycle.exit_timeout_s), or a journal",
        Reason.ABANDONED: "a call of a mapping or a sink hung: the log says where (ERROR)",
        Reason.FORK_CHILD: "they were emitted in the child of a fork before it had a gateway",
        Reason.JOURNAL_FULL: "they waited in the journal for too long, or it was full",
        Reason.LOST_ON_CRASH: "an earlier process ended before it had sent or written them",
    }
)
