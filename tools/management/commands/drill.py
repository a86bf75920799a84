from tools.drill.options import add_arguments
from tools.testbed.cli import TestbedCommand


class Command(TestbedCommand):
    help = (
        "Let everything go wrong on a throw-away FOAM of its own, and prove that nothing is lost. "
        "Without a choice of faults: all of them."
    )
    module = "tools.drill"
    add_options = staticmethod(add_arguments)
