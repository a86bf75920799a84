"""The tick, and the maintenance that runs beside it."""
