"""The machine's clock."""

from __future__ import annotations

import asyncio

from alpi.base.clock import SystemClock


def test_time_knows_its_zone_and_measuring_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() is not None
    before = clock.monotonic()
    asyncio.run(clock.sleep(0))
    assert clock.monotonic() >= before
