"""Guarantees of the image, of a first start, and of settings."""

from tools.mutations.mutation import Mutation, edit
from tools.mutations.paths import MIGRATE_ONCE

TEST_IMAGE = "foam/tests/deployment/test_image.py"
TEST_SETTINGS = "foam/tests/test_settings.py"
TEST_PRODUCTION = "foam/tests/deployment/test_production.py"
TEST_FIRST_START = "foam/tests/deployment/test_first_start.py"
TEST_DEPLOYMENT = "foam/tests/deployment/test_deployment.py"
COMPOSE = "docker-compose.yml"
VARIABLES = "foam/environment_variables.py"
OUTBOUND = "notifications/transports/http/egress_policy.py"

OF_INSTALLATION = [
    Mutation(
        "P5",
        "image: a file that it copies is left out",
        edit(".dockerignore", "!requirements/sentry.txt\n"),
        [f"{TEST_IMAGE}::test_what_a_stage_copies_is_let_in"],
    ),
    Mutation(
        "P5",
        "first start: the limit of a lock is said on the statement's own cursor",
        edit(
            MIGRATE_ONCE,
            "        with session.wrap_database_errors, session.create_cursor() as cursor:\n"
            "            cursor.execute(LOCK_TIMEOUT)\n",
            "        execute(LOCK_TIMEOUT, None, False, context)\n",
        ),
        [TEST_FIRST_START],
    ),
    Mutation(
        "P5",
        "first start: tables that are missing are a traceback",
        edit("manage.py", "or not lacks_migrations(error)", "or True"),
        [f"{TEST_FIRST_START}::test_command_on_an_empty_database_says_in_a_sentence_what_to_do"],
    ),
    Mutation(
        "P5",
        "health check: does not ask how old a sign of life is",
        edit(COMPOSE, "-name 'beat@*' -mmin -1", "-name 'beat@*'"),
        [f"{TEST_PRODUCTION}::test_health_check_sees_a_node_that_hangs"],
    ),
    Mutation(
        "P5",
        "health check: forgets a queue",
        edit(COMPOSE, "-name 'deliver@*'", "-name 'd*'"),
        [f"{TEST_DEPLOYMENT}::test_health_check_wants_word_of_every_node_that_runs"],
    ),
    Mutation(
        "P5",
        "settings: a word that is neither true nor false counts as false",
        edit(
            VARIABLES, "return BOOLEANS[value.lower()]", "return BOOLEANS.get(value.lower(), False)"
        )
        + edit(VARIABLES, "if value.lower() not in BOOLEANS:", "if False:"),
        [
            f"{TEST_SETTINGS}"
            "::test_setting_that_is_not_understood_is_refused_in_a_sentence_that_names_it"
        ],
    ),
    Mutation(
        "P5",
        "settings: a secret stands in the error",
        edit(
            VARIABLES,
            "refuse(name, allowed, None if secret else value)",
            "refuse(name, allowed, value)",
        ),
        [f"{TEST_SETTINGS}::test_what_may_be_a_secret_is_not_repeated"],
    ),
    Mutation(
        "P5",
        "settings: a worker that is not set up ends in a traceback",
        edit(
            "foam/celery.py", "except ImproperlyConfigured as error:", "except KeyError as error:"
        ),
        [f"{TEST_SETTINGS}::test_whatever_starts_refuses_a_setting_in_one_sentence"],
    ),
    Mutation(
        "P6",
        "webhook: the last port of a range is not allowed",
        edit(
            OUTBOUND,
            "return range(first, last + 1)",
            "return range(first, last) or range(first, last + 1)",
        ),
        ["notifications/tests/transports/test_egress_policy.py::test_ports_may_be_ranges"],
    ),
]
