"""`/v1/audit`: the audit log of keys and promotions, and its verification, for admins."""

import json
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter

from services.api.access.admission import Requires
from services.api.access.callers import Callers
from services.api.routes.common import ADMIN_RESPONSES
from services.api.routes.keys import store
from services.api.schemas.keys import AuditEntry, AuditPage, AuditVerdict

_TAGS = ["administration"]


@get(
    "/audit",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Read the audit log",
    responses=ADMIN_RESPONSES,
    tags=_TAGS,
)
def audit_log(
    callers: NamedDependency[Callers],
    limit: Annotated[int, Parameter(ge=1, le=1_000)] = 100,
    before: Annotated[int | None, Parameter(ge=1, le=2**62, description="Only entries before this one")] = None,
) -> AuditPage:
    """List entries of the audit log, newest first."""
    entries = [
        AuditEntry(
            seq=one.seq,
            at=one.at,
            actor=one.actor,
            act=one.act,
            subject=one.subject,
            details=json.loads(one.details),
            request_id=one.request_id,
            sha256=one.sha256.hex(),
        )
        for one in store(callers).log(limit, before)
    ]
    return AuditPage(entries, entries[-1].seq if entries and entries[-1].seq > 1 else None)


@get(
    "/audit/verification",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Check the audit log",
    responses=ADMIN_RESPONSES,
    tags=_TAGS,
)
def verify_audit_log(callers: NamedDependency[Callers]) -> AuditVerdict:
    """Verify the chain of seals from the first entry; a changed, removed or inserted entry breaks it."""
    found = store(callers).verify_log()
    return AuditVerdict(found.fault is None, found.entries, found.head.seq, found.head.sha256.hex(), found.fault)
