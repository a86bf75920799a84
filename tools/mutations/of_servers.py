"""Guarantees for servers that hang, fail over, or answer with errors."""

from tools.mutations.mutation import Mutation, edit
from tools.mutations.paths import (
    BROKER,
    CONNECTION,
    REACHABILITY,
    SETTINGS,
    TEST_GARBAGE,
    TEST_HANGING,
    TEST_REDIS,
    WAKE_UPS,
)

OF_SERVERS = [
    Mutation(
        "P4",
        "database: one that hangs is waited for without end",
        edit(CONNECTION, "        if probe.answers(self.pgconn, PROBE):\n", "        if True:\n"),
        [f"{TEST_HANGING}::test_server_that_hangs_is_given_up_and_used_again_when_it_answers"],
    ),
    Mutation(
        "P4",
        "database: a statement that takes long is taken for a server that hangs",
        edit(CONNECTION, "        if probe.answers(self.pgconn, PROBE):\n", "        if False:\n"),
        [
            f"{TEST_HANGING}"
            "::test_statement_that_takes_long_is_waited_for_while_the_server_answers_others"
        ],
    ),
    Mutation(
        "P4",
        "database: a statement whose process hangs is waited for",
        edit(CONNECTION, "now - began >= min(limits)", "False"),
        [f"{TEST_HANGING}::test_statement_whose_own_process_hangs_is_given_up_after_the_longest"],
    ),
    Mutation(
        "P4",
        "database: each thread waits by itself for a server that hangs",
        edit(
            REACHABILITY,
            "lost_at = self._lost_at\n            if lost_at is not None",
            "lost_at = self._lost_at\n            if False",
        ),
        [
            f"{TEST_HANGING}"
            "::test_nobody_else_tries_while_one_thread_tries_to_reach_a_server_that_hung"
        ],
    ),
    Mutation(
        "P4",
        "database: of several servers the one that hung is tried first",
        edit("foam/postgresql/hosts.py", "        pairs.sort(key=self._rank)\n"),
        ["foam/tests/faults/test_failover.py::test_server_that_hung_is_tried_last"],
    ),
    Mutation(
        "P4",
        "failover: a session that is read-only stays",
        edit(CONNECTION, '    "25006",  # read_only_sql_transaction\n'),
        [
            "foam/tests/faults/test_failover.py"
            "::test_session_that_answers_read_only_is_closed_and_another_takes_its_place"
        ],
    ),
    Mutation(
        "P4",
        "failover: a standby passes for healthy",
        edit("foam/postgresql/base.py", "SELECT pg_is_in_recovery()", "SELECT false"),
        [
            "foam/tests/faults/test_failover.py::test_health_check_refuses_a_standby_though_it_answers"
        ],
    ),
    Mutation(
        "P4",
        "failover: what was closed under Django is used to the end",
        edit(
            "foam/postgresql/base.py",
            "self.connection.closed and is_between",
            "False and is_between",
        ),
        [
            "foam/tests/faults/test_failover.py::test_session_that_was_ended_costs_one_statement_and_no_hand"
        ],
    ),
    Mutation(
        "P4",
        "broker: an error that it answers ends the worker",
        edit(SETTINGS, "CHANNEL_ERROR_RETRY = True", "CHANNEL_ERROR_RETRY = False"),
        [f"{TEST_REDIS}::test_worker_and_beat_outlive_whatever_redis_answers"],
    ),
    Mutation(
        "P10",
        "broker: its certificate is not checked",
        edit(
            BROKER,
            '"ssl_cert_reqs": "required", **tls}, safe',
            '"ssl_cert_reqs": "none", **tls}, safe',
        ),
        [f"{TEST_REDIS}::test_certificate_decides_whether_wake_ups_are_sent"],
    ),
    Mutation(
        "P5",
        "readiness: a Redis that is a replica passes for well",
        edit(
            "foam/monitoring/health.py",
            '    return role[0] in {"master", b"master"}\n',
            "    return True\n",
        ),
        [f"{TEST_REDIS}::test_redis_that_has_become_a_replica_is_told_as_such"],
    ),
    Mutation(
        "P4",
        "watch: ends with its session",
        edit(
            "foam/management/commands/watch.py",
            "        except (OperationalError, InterfaceError):\n",
            "        except ZeroDivisionError:\n",
        ),
        ["tools/tests/test_watch.py::test_database_that_ends_its_sessions_is_connected_to_again"],
    ),
    Mutation(
        "P4",
        "watchdog: a process that hangs goes on",
        edit(
            "foam/processes/liveness.py",
            "                os._exit(os.EX_SOFTWARE)\n",
            "                return\n",
        ),
        ["foam/tests/faults/test_watchdog.py::test_process_without_a_sign_of_life_ends_itself"],
    ),
    Mutation(
        "security",
        "broker: a worker takes orders from its broker",
        edit(
            SETTINGS,
            "CELERY_WORKER_ENABLE_REMOTE_CONTROL = False",
            "CELERY_WORKER_ENABLE_REMOTE_CONTROL = True",
        ),
        ["foam/tests/security/test_secrets.py::test_configuration_of_celery_has_no_secret"],
    ),
    Mutation(
        "security",
        "broker: a message is taken for a wake-up, whatever is in it",
        edit(
            WAKE_UPS, "            reason = refusal(message, tasks)\n", '            reason = ""\n'
        ),
        [f"{TEST_GARBAGE}::test_garbage_in_redis_ends_and_stalls_no_worker"],
    ),
    Mutation(
        "security",
        "broker: an item that is no JSON ends the worker",
        edit(WAKE_UPS, "    channel._brpop_read = read_on(channel._brpop_read)\n"),
        [f"{TEST_GARBAGE}::test_garbage_in_redis_ends_and_stalls_no_worker"],
    ),
    Mutation(
        "security",
        "settings: a dump shows the passwords",
        edit("foam/secret_text.py", "\"'[secret]'\" if self else \"''\"", "str.__repr__(self)"),
        ["foam/tests/security/test_secrets.py::test_no_repr_of_a_setting_has_a_secret"],
    ),
    Mutation(
        "security",
        "deployment: FOAM's role is a superuser",
        edit("deploy/postgres/foam.sh", "LOGIN NOSUPERUSER", "LOGIN SUPERUSER"),
        [
            "foam/tests/security/test_least_privilege.py"
            "::test_role_of_foam_has_its_database_and_no_other_right"
        ],
    ),
]
