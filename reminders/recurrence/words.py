from __future__ import annotations


def describe(schedule, recurrence) -> str:
    return schedule.recurrence
