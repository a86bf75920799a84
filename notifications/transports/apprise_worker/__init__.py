"""What runs Apprise's plug-ins: a process of its own that knows no setting and no key of ours.

`python -m notifications.transports.plugins` reads requests and writes replies, a line of JSON each.
"""
