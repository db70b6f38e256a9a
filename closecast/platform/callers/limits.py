"""Rate limits: one token bucket per caller, shared by all instances through Redis.

No request waits for Redis. An instance leases tokens in blocks, which a thread of its own fetches, and serves from the
lease; what it spent beyond (a first request, or a large batch) is a debt that the next lease pays first. So the rate
holds over time whatever is overdrawn, and in any stretch of time all instances together give out no more than the
quota, its refill, and per instance a tenth of the quota (twice the credit: one known to Redis and one on the way) and
one request.

While Redis is away each instance keeps a bucket of the same size and rate by itself: a caller gets at most the limit
from each instance, never nothing and never without bound. `state()` shows it.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from closecast.platform import cache
from closecast.platform.callers.caller import Caller, Role
from closecast.platform.callers.quota import SMALLEST_BLOCK, Decision, Limit
from closecast.platform.nomad.addresses import Address
from closecast.platform.runtime.background import BackgroundWorker

_LOG = logging.getLogger(__name__)

_CREDIT = 0.05  # of the quota: what an instance gives out before Redis has answered
_LARGEST_BLOCK = 0.1  # of the quota: what it leases at once, at most
_DENIED_SECONDS = 0.05  # the least time for which a refusal of Redis is remembered
_PROBE_SECONDS = 1.0
TIMEOUT_SECONDS = 0.25  # for an answer of Redis; then it counts as away
MOST_BUCKETS = 20_000
# Refills by Redis's own clock, takes the debt (or takes back an unused lease, a negative one), and grants what is wanted
# as far as it is there. A bucket that has been full for a while needs no remembering.
_LEASE = """
local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local debt, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = quota
if kept[1] then
  tokens = math.min(quota, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * quota / window)
end
tokens = math.min(quota, tokens - debt)
local granted = math.max(0, math.min(wanted, math.floor(tokens)))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((quota - tokens) / quota * window * 1000) + 1000)
return {granted, tostring(tokens)}
"""


@dataclass(frozen=True)
class State:
    """Figures for metrics: whether limits are shared through Redis now, known callers, and refused requests."""

    shared: bool
    callers: int
    refused: int
    leases: int  # answers of Redis so far


@dataclass(slots=True)
class _Bucket:
    """One caller's tokens in this instance; a negative balance is a debt. Times are of the monotonic clock."""

    id: str
    role: Role
    limit: Limit
    balance: float
    credit: float
    at: float  # of the last refill (alone) or use (shared)
    left: float  # in Redis after the last lease
    leased_at: float
    closed_until: float = 0.0
    asked: bool = False
    spent: float = 0.0  # since the last lease


class Limits:
    """Token buckets by caller; `address` names the Redis that instances share, None keeps every instance by itself."""

    def __init__(self, limits: Mapping[Role, Limit], address: Address | None) -> None:
        self._limits, self._address = limits, address
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()
        self._shared = False
        self._refused = self._leases = 0
        self._swept = 0.0
        self._asked: list[_Bucket] = []
        self._client: tuple[str, redis.Redis] | None = None
        self._worker = BackgroundWorker(
            "limits", self._share_out, self._report, retry_seconds=_PROBE_SECONDS, finish=self._give_back
        )

    def start(self) -> None:
        """Start sharing with other instances, if there is an address."""
        if self._address is not None:
            self._worker.start()

    def stop(self) -> None:
        """Stop the thread, which returns unused leases."""
        self._worker.stop()

    def state(self) -> State:
        """The current figures."""
        return State(self._shared, len(self._buckets), self._refused, self._leases)

    def take(self, caller: Caller, cost: int = 1) -> Decision:
        """Spend `cost` tokens of the caller's, or refuse and spend nothing.

        Never waits for anything but a short lock.
        """
        return self._spend(caller, cost, lets_in=False)

    def charge(self, caller: Caller, cost: int) -> Decision:
        """Spend `cost` more tokens of a request that was allowed already.

        Tokens that the caller does not have become a debt, which its next request waits for. Never waits for anything
        but a short lock.
        """
        return self._spend(caller, cost, lets_in=True)

    def _spend(self, caller: Caller, cost: int, *, lets_in: bool) -> Decision:
        now = time.monotonic()
        with self._lock:
            bucket = self._buckets.get(caller.id)
            if bucket is None or bucket.role != caller.role:
                bucket = self._new(caller, now)
            if not self._shared:
                return self._spend_alone(bucket, cost, now, lets_in)
            limit = bucket.limit
            bucket.at = now
            allowed = lets_in or bucket.balance > -bucket.credit
            if allowed:
                bucket.balance -= cost
                bucket.spent += cost
            else:
                self._refused += 1
            if bucket.balance < limit.low and not bucket.asked and now >= bucket.closed_until:
                bucket.asked = True
                self._asked.append(bucket)
                self._worker.wake()
            # Unspent leased tokens make room for new ones: together they could exceed the quota.
            there = min(limit.quota, bucket.left + (now - bucket.leased_at) * limit.rate) + bucket.balance
            return Decision(allowed, limit, there if there < limit.quota else limit.quota)

    def _spend_alone(self, bucket: _Bucket, cost: int, now: float, lets_in: bool) -> Decision:
        limit = bucket.limit
        balance = bucket.balance + (now - bucket.at) * limit.rate
        bucket.balance = balance = balance if balance < limit.quota else limit.quota
        bucket.at = now
        # As with a debt to Redis: a larger request is served, and the next one waits until the debt is paid.
        allowed = lets_in or balance > 0
        if allowed:
            bucket.balance = balance = balance - cost
        else:
            self._refused += 1
        return Decision(allowed, limit, balance)

    def _new(self, caller: Caller, now: float) -> _Bucket:
        if len(self._buckets) >= MOST_BUCKETS:
            self._forget(now)
        limit = self._limits[caller.role]
        balance = 0.0 if self._shared else float(limit.quota)
        bucket = _Bucket(caller.id, caller.role, limit, balance, _credit(limit), now, left=limit.quota, leased_at=now)
        self._buckets[caller.id] = bucket
        return bucket

    def _forget(self, now: float) -> None:
        """Drop buckets that are full again, or the least recently used one if there are none."""
        full = [one.id for one in self._buckets.values() if now - one.at > one.limit.window]
        for identity in full or [min(self._buckets.values(), key=lambda one: one.at).id]:
            del self._buckets[identity]

    def _share_out(self) -> float:
        try:
            self._lease()
        except (redis.RedisError, OSError) as error:
            self._go_alone(f"the cache does not answer: {type(error).__name__}")
        except Exception:
            self._go_alone(None)
            raise
        return _PROBE_SECONDS

    def _lease(self) -> None:
        """Settle with Redis for all callers with requests in one round trip, or only check that Redis answers."""
        client = self._connection()
        if client is None:
            self._go_alone("the cache has not been found yet")
            return
        if not self._shared:
            client.ping()
            self._share()
        with self._lock:
            asked, self._asked = self._asked, []
            now = time.monotonic()
            settled = [(one, max(0.0, -one.balance), _block(one, now)) for one in asked]
            settled += [(one, -one.balance, 0) for one in self._idle(now)]
            for one, debt, _ in settled:
                # This call pays debts and returns leases; what is spent meanwhile counts from here.
                one.balance += debt
                one.spent = 0.0
        for (bucket, _, _), answer in zip(settled, self._settle(client, settled), strict=True):
            self._granted(bucket, int(answer[0]), float(answer[1]))

    def _idle(self, now: float) -> list[_Bucket]:
        """Buckets with an unused lease, searched once a second."""
        if now - self._swept < _PROBE_SECONDS:
            return []
        self._swept = now
        return [one for one in self._buckets.values() if one.balance > 0 and now - one.at > 1 and not one.asked]

    def _settle(self, client: redis.Redis, settled: list[tuple[_Bucket, float, int]]) -> list[Any]:
        if not settled:
            client.ping()
            return []
        pipeline = client.pipeline(transaction=False)
        for bucket, debt, wanted in settled:
            limit = bucket.limit
            key = f"closecast:limit:{bucket.role}:{bucket.id}"
            pipeline.eval(_LEASE, 1, key, limit.quota, limit.window, debt, wanted)
        return list(pipeline.execute())

    def _granted(self, bucket: _Bucket, granted: int, left: float) -> None:
        with self._lock:
            now = time.monotonic()
            self._leases += 1
            bucket.balance += granted
            bucket.left = left
            bucket.asked = False
            bucket.leased_at = now
            # No more credit than there were tokens: near its end the quota is given out by lease only.
            bucket.credit = max(0.0, min(_credit(bucket.limit), left // 1))
            if not granted and not bucket.credit:
                # No tokens are left: until there can be some, requests do not ask Redis.
                bucket.closed_until = now + max(_DENIED_SECONDS, (1 - left) / bucket.limit.rate)

    def _connection(self) -> redis.Redis | None:
        url = self._address() if self._address is not None else None
        if url is None:
            return None
        if self._client is None or self._client[0] != url:
            self._client = url, cache.client(url, answer_seconds=TIMEOUT_SECONDS, connect_seconds=TIMEOUT_SECONDS)
        return self._client[1]

    def _share(self) -> None:
        with self._lock:
            self._shared = True
            self._asked = []
            for bucket in self._buckets.values():
                bucket.balance, bucket.asked = min(0.0, bucket.balance), False
                bucket.credit, bucket.closed_until = _credit(bucket.limit), 0.0
                bucket.left, bucket.leased_at = bucket.limit.quota, time.monotonic()
        self._worker.settle()
        _LOG.info("limits", extra={"shared": True})

    def _go_alone(self, problem: str | None) -> None:
        with self._lock:
            now = time.monotonic()
            if self._shared:
                for bucket in self._buckets.values():
                    bucket.at = now
            self._shared = False
        if problem is not None:
            self._worker.fail(problem)

    def _report(self, problem: str) -> None:
        _LOG.warning("limits", extra={"shared": False, "problem": problem})

    def _give_back(self) -> None:
        client = self._client[1] if self._client is not None and self._shared else None
        if client is None:
            return
        with self._lock:
            settled = [(one, -one.balance, 0) for one in self._buckets.values() if one.balance]
        try:
            self._settle(client, settled)
        except (redis.RedisError, OSError) as error:
            _LOG.warning("limits", extra={"problem": f"leases were not given back: {type(error).__name__}"})
        client.close()


def _credit(limit: Limit) -> float:
    return max(1.0, limit.quota * _CREDIT)


def _block(bucket: _Bucket, now: float) -> int:
    """The block size: tokens for half a second at the rate since the last lease, within bounds."""
    quota = bucket.limit.quota
    pace = bucket.spent / max(now - bucket.leased_at, 0.01)
    return max(1, int(min(quota * _LARGEST_BLOCK, max(quota * SMALLEST_BLOCK, pace / 2))))
