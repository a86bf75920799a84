"""The helper process that runs Apprise's plug-ins, without FOAM's settings and keys.

`python -m notifications.transports.apprise_worker` reads requests and writes replies, a line of
JSON each.
"""
