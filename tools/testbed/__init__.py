"""A throw-away FOAM with everything real, for drills and benchmarks.

Like tools.local_stack it runs before Django and knows nothing of it.
"""
