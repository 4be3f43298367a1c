"""Metrics say which arm of a rollout a session was in."""

import asyncio
import re

from tests.server.test_rollouts import STAY, administered, house, speak, speak_with_a_shadow, spoken

__all__ = ["house", "spoken"]


def heard_by(admin):
    """Answers that were waited for, by arm."""
    pattern = r'speechsearch_live_wait_seconds_count{arm="(\w+)".*} (\d+)'
    return {arm: int(float(n)) for arm, n in re.findall(pattern, admin.metrics())}


async def test_series_carry_the_arm_in_which_the_session_was(house, spoken):
    with administered(house) as (server, admin):
        await speak(server, spoken)
        admin.begin({**STAY, "shadow_hold_s": 0, "canary_shares": [10_000]})
        admin.until("shadow")
        beside = await speak_with_a_shadow(server, admin, spoken)
        admin.until("canary 100 %")
        await speak(server, spoken, 2)
        for _ in range(100):
            if heard_by(admin) == {"champion": 1 + beside, "challenger": 2}:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(heard_by(admin))
