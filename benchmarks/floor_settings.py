"""FOAM's settings, with the addresses of the floors beside its own."""

from foam.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.floors"
