"""A look at the machine, for the schedule: where it can't tell, nothing speaks against a tune."""

from __future__ import annotations

import os

import psutil

from tuning.schedule import Surroundings


def look_around() -> Surroundings:
    """Battery and load now."""
    sensors = getattr(psutil, "sensors_battery", None)  # not on every system
    battery = sensors() if sensors is not None else None
    _, five_minutes, _ = psutil.getloadavg()
    return Surroundings(
        on_battery=battery is not None and battery.power_plugged is False,
        load=five_minutes / (os.cpu_count() or 1),
    )
