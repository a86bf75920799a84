"""A throw-away FOAM with everything real, for drills and benchmarks.

Like foam.stack it runs before Django and knows nothing of it.
"""
