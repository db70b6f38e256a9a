"""The rights of each job's key: where it may read and write objects, and publish. Everything else is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refusal import RefusedError

_JOBS = Path(__file__).parents[1] / "policies" / "iam" / "jobs.json"
READING = {"HeadBucket", "ListObjects", "ListObjectsV2", "HeadObject", "GetObject"}
WRITING = {
    "PutObject",
    "DeleteObject",
    "DeleteObjects",
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
}
TOPIC = "closecast-local-alerts"
_ALL_OF_PUBLISH = {"TopicArn", "Message", "MessageStructure", "MessageAttributes", "Subject"}
# Prefixes of parameters that need a separate right on AWS: older versions, access lists, locks, tags, other keys.
_BARRED = (
    "VersionId",
    "ACL",
    "Grant",
    "BypassGovernance",
    "ObjectLock",
    "Tagging",
    "WebsiteRedirect",
    "SSEKMS",
    "ServerSideEncryption",
)


@dataclass(frozen=True)
class Rights:
    """The rights of `job`: prefixes `<bucket>/<prefix of keys>` where it may read and write, and topics by name."""

    job: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()

    def __str__(self) -> str:
        topics = f", and publish to {', '.join(self.publish)}" if self.publish else ""
        return f"it may read {', '.join(self.read) or 'nothing'} and write {', '.join(self.write) or 'nothing'}{topics}"


def of_jobs(lake: str, artifacts: str) -> list[Rights]:
    """The rights of all jobs with their own key, for these buckets, as policies/iam/jobs.json names them."""
    buckets = {"lake": lake, "artifacts": artifacts}
    topics = {"alerts": TOPIC}

    def places(named: list[str]) -> tuple[str, ...]:
        return tuple(f"{buckets[bucket]}/{prefix}" for bucket, _, prefix in (one.partition("/") for one in named))

    return [
        Rights(
            job,
            places(may.get("read", [])),
            places(may.get("write", [])),
            tuple(topics[one] for one in may.get("publish", [])),
        )
        for job, may in json.loads(_JOBS.read_text(encoding="utf-8")).items()
    ]


def of_keys(text: str, known: list[Rights]) -> tuple[dict[str, str], dict[str, Rights]]:
    """Parse `text`, job:access:secret separated by commas, into the secret and the rights by access key.

    Raises ValueError, which quotes no secret, for a job without rights and for text of another form.
    """
    by_job, secrets, rights = {one.job: one for one in known}, {}, {}
    for place, part in enumerate(filter(None, text.split(",")), 1):
        job, access, secret = [*part.split(":"), "", ""][:3]
        if job not in by_job:
            raise ValueError(f"key {place} is of a job that has no rights; expected one of {', '.join(by_job)}")
        if part.count(":") != 2 or not access or not secret or access in secrets:
            raise ValueError(f"the key of {job} is malformed; expected job:access:secret, each access key once")
        secrets[access], rights[access] = secret, by_job[job]
    return secrets, rights


def check(rights: Rights, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise RefusedError unless `rights` cover the operation and parameters as LocalStack has parsed them."""
    if service == "sns" and operation == "Publish":
        _check_publish(rights, parameters)
        return
    if service != "s3" or operation not in READING | WRITING:
        raise _refused(rights, f"{service}:{operation} is not for it")
    several = (parameters.get("Delete") or {}).get("Objects") or []
    for given in (parameters, *several):
        if barred := sorted(name for name, value in given.items() if name.startswith(_BARRED) and value is not None):
            raise _refused(rights, f"{operation} with {', '.join(barred)} is not for it")
    bucket = parameters.get("Bucket") or ""
    verb, places = ("read", rights.read) if operation in READING else ("write", rights.write)
    if operation == "HeadBucket":
        if not any(place.startswith(f"{bucket}/") for place in places):
            raise _refused(rights, f"it may not {verb} {bucket!r:.100}")
        return
    if operation == "DeleteObjects":
        keys = [one.get("Key") or "" for one in several]
    else:
        keys = [parameters.get("Prefix" if operation.startswith("ListObjects") else "Key") or ""]
    for key in keys:
        # Object stores treat them literally, but the mirror's file system does not.
        if not {".", ".."}.isdisjoint(key.split("/")):
            raise _refused(rights, f"{key!r:.300} has a segment . or ..")
        place = f"{bucket}/{key}"
        if not place.startswith(places):
            raise _refused(rights, f"it may not {verb} {place!r:.300}")


def _check_publish(rights: Rights, parameters: Mapping[str, Any]) -> None:
    given = {name for name, value in parameters.items() if value is not None}
    if other := sorted(given - _ALL_OF_PUBLISH):
        raise _refused(rights, f"Publish with {', '.join(other)} is not for it")
    topic = str(parameters.get("TopicArn") or "")
    if topic.rpartition(":")[2] not in rights.publish:
        raise _refused(rights, f"it may not publish to {topic!r:.100}")


def _refused(rights: Rights, why: str) -> RefusedError:
    return RefusedError("AccessDenied", f"the key of the job {rights.job} does not open this: {why}; {rights}")
