"""The companion's loop: seed each new LocalStack, then keep the mirror on disk within a second of it."""

import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from services.bucket_mirror import terraform
from services.bucket_mirror.health import READY, State
from services.bucket_mirror.mirror import Listing, Mirror, MirrorError
from services.bucket_mirror.providers import find_provider_mirror
from services.bucket_mirror.session import identity
from services.bucket_mirror.settings import Settings

_LOG = logging.getLogger(__name__)

_PAUSE_S = 0.5
_LONGEST_RETRY_S = 30.0


class Companion:
    """Seeds and mirrors LocalStack. `run` is the loop; `flush` may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.state = State()
        self._settings = settings
        self._mirror = Mirror(settings)
        self._known: Listing = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def stop(self) -> None:
        """Make `run` copy the last objects to disk and return."""
        self._stop.set()

    def run(self) -> None:
        """Serve each LocalStack process, one after the other, until `stop`."""
        failures = 0
        while not self._stop.is_set():
            session = identity(self._settings.endpoint)
            try:
                if session is None:
                    self._leave_ready("waiting", "LocalStack does not answer")
                elif session != self.state.session:
                    self._adopt(session) if self._was_seeded(session) else self._seed(session)
                else:
                    self._copy_changes()
                    self.state.state, self.state.reason = READY, ""  # it may only have been unresponsive
                failures = 0
            except (terraform.TerraformError, MirrorError, FileNotFoundError) as error:
                failures += 1
                self._fail(str(error))
            self._stop.wait(min(_LONGEST_RETRY_S, _PAUSE_S * 2**failures) if failures else _PAUSE_S)
        problem = self.flush()
        _LOG.info("last copy before the end: %s", problem or "done")

    def flush(self) -> str | None:
        """Copy everything to disk now; returns None, or the reason why it failed."""
        if not self.state.is_ready():
            return f"LocalStack is not ready ({self.state.reason}); the mirror holds what was copied before"
        try:
            self._copy_changes()
        except MirrorError as error:
            return str(error)
        return None

    @property
    def _seeded(self) -> Path:
        return self._settings.terraform_state / "seeded"

    def _was_seeded(self, session: str) -> bool:
        """Whether an earlier companion filled this LocalStack process; its objects may be newer than the mirror's."""
        return self._seeded.exists() and self._seeded.read_text() == session

    def _adopt(self, session: str) -> None:
        """Continue after an earlier companion: the buckets are authoritative, and the mirror catches up."""
        self._known = {}
        self.state.session = session
        self._copy_changes()
        _LOG.info("LocalStack %s is filled already", session)
        self.state.state, self.state.reason = READY, ""

    def _seed(self, session: str) -> None:
        """Create the resources of a new LocalStack and restore its objects; the mirror is only read."""
        with self._lock:
            settings, state = self._settings, self.state
            self._leave_ready("applying", "Terraform is creating buckets and secrets")
            begin = time.monotonic()
            if not terraform.is_initialised(settings.terraform_state):
                terraform.initialise(settings.terraform_state, find_provider_mirror())
            terraform.apply(
                settings.terraform_state,
                session,
                {
                    "TF_VAR_endpoint": settings.endpoint,
                    "AWS_ACCESS_KEY_ID": settings.access_key,
                    "AWS_SECRET_ACCESS_KEY": settings.secret_key,
                },
            )
            applied = time.monotonic()
            self._leave_ready("restoring", "objects are being restored from the mirror")
            restored = self._mirror.restore()
            self._known = self._mirror.listing()
            seconds = {"terraform": round(applied - begin, 2), "restore": round(time.monotonic() - applied, 2)}
            _LOG.info(
                "LocalStack %s has its buckets and %d objects again", session, restored, extra={"seconds": seconds}
            )
            self._seeded.write_text(session)
            state.seconds, state.session, state.objects = seconds, session, restored
            state.state, state.reason = READY, ""

    def _copy_changes(self) -> None:
        with self._lock:
            now = self._mirror.listing()
            if now != self._known:
                self._mirror.fetch(self._known, now)
                # Delete nothing because of a fresh LocalStack's listing: before and after, it must be the process we
                # filled, with every bucket that it had.
                same = identity(self._settings.endpoint) == self.state.session and set(now) >= set(self._known)
                if not same:
                    raise MirrorError("LocalStack restarted while its buckets were read")
                self._mirror.forget(now)
                self._known = now
            self.state.objects = sum(map(len, now.values()))
            self.state.mirrored_at = datetime.now(UTC).isoformat(timespec="seconds")

    def _leave_ready(self, state: str, reason: str) -> None:
        if self.state.state != state:
            _LOG.warning("%s: %s", state, reason)
        self.state.state, self.state.reason = state, reason

    def _fail(self, reason: str) -> None:
        _LOG.error("failed: %s", reason)
        self.state.reason = reason
        # A failed copy leaves the buckets as they are; only after a failed seed they are missing.
        if self.state.state != READY:
            self.state.state = "failed"
            self.state.session = None
