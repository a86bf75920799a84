from tools.capacity.options import add_arguments
from tools.testbed.cli import TestbedCommand


class Command(TestbedCommand):
    help = (
        "Measure in about a minute how much this machine carries, on a throw-away FOAM of its own."
    )
    module = "tools.capacity"
    add_options = staticmethod(add_arguments)
