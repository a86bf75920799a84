"""Guarantees of the project, and of what it is deployed with."""

from tools.mutations.mutation import Mutation, edit
from tools.mutations.paths import (
    ACCESS,
    BROKER,
    BROWSABLE,
    CLIENT_CONNECTION,
    DATABASE_SETTINGS,
    GUNICORN_WORKER,
    LINKED,
    LOGS,
    MIGRATE_ONCE,
    SENTRY,
    SETTINGS,
    TEST_ACCESS,
    TEST_BROWSABLE,
    TEST_CLIENT_CONNECTION,
    TEST_CRASHES,
    TEST_DASHBOARD,
    TEST_DEPLOYMENT,
    TEST_DOCS,
    TEST_DOCTOR,
    TEST_FAULTS,
    TEST_FRONT,
    TEST_INITIAL_SCHEMA,
    TEST_LOGS,
    TEST_METRICS,
    TEST_PROBES,
    TEST_SENTRY,
    VIEWS,
)

OF_FOAM = [
    Mutation(
        "P3",
        "broker: its restart breaks off what is being sent",
        edit(
            SETTINGS,
            "CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False",
            "CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True",
        ),
        [f"{TEST_FAULTS}::test_message_on_its_way_is_not_broken_off_when_the_broker_restarts"],
    ),
    Mutation(
        "P5",
        "worker: opens a session for each task",
        edit(SETTINGS, "CELERY_DB_REUSE_MAX = sys.maxsize", "CELERY_DB_REUSE_MAX = None"),
        [f"{TEST_FAULTS}::test_tick_uses_the_session_of_the_one_before"],
    ),
    Mutation(
        "P4",
        "worker: a tick fails whose session was lost",
        edit("foam/celery.py", "        close_old_connections()\n", "        pass\n"),
        [f"{TEST_FAULTS}::test_tick_whose_session_was_lost_opens_another_and_does_not_fail"],
    ),
    Mutation(
        "P4",
        "broker: RabbitMQ's dead connection is not made anew",
        edit(SETTINGS, "= FOAM_BROKER.is_rabbitmq", "= False"),
        [
            f"{TEST_DEPLOYMENT}"
            "::test_wake_up_is_sent_again_only_where_a_dead_connection_would_stay_for_ever"
        ],
    ),
    Mutation(
        "P1",
        "web: cuts who had connected when it is told to end",
        edit(
            GUNICORN_WORKER,
            "            while is_readable(listener):\n",
            "            while False:\n",
        ),
        [
            "foam/tests/deployment/test_graceful_stop.py"
            "::test_web_that_is_told_to_end_serves_whoever_had_connected_and_waits_in_the_queue"
        ],
    ),
    Mutation(
        "front",
        "web: a body that drips earns time",
        edit(
            CLIENT_CONNECTION,
            "BODY_SECONDS + self._body_size / SLOWEST_RATE",
            "self._body_size + 1e9",
        ),
        [f"{TEST_CLIENT_CONNECTION}::test_body_earns_time_by_what_came_of_it_and_no_other_way"],
    ),
    Mutation(
        "front",
        "web: a reader may take as long as it likes",
        edit(CLIENT_CONNECTION, "return now > self._output_began + seconds", "return False"),
        [f"{TEST_CLIENT_CONNECTION}::test_reader_of_an_answer_is_late_by_what_it_took_of_it"],
    ),
    Mutation(
        "front",
        "web: a body that is too large is kept",
        edit(CLIENT_CONNECTION, "if self._body_left > self.body_limit:", "if False:"),
        [
            f"{TEST_CLIENT_CONNECTION}::test_body_that_is_too_large_is_not_kept_and_ends_the_connection"
        ],
    ),
    Mutation(
        "front",
        "web: a new client has to go before those that are idle",
        edit(
            GUNICORN_WORKER,
            "longest.sort(key=lambda connection: connection.since)",
            "pass",
        ),
        [
            f"{TEST_CLIENT_CONNECTION}::test_idle_clients_give_way_first_then_the_longest_and_a_thread_never"
        ],
    ),
    Mutation(
        "front",
        "front: a feed is not limited",
        edit("foam/urls.py", 'limit_address("feed")(feed.feed)', "feed.feed"),
        [f"{TEST_FRONT}::test_what_asks_for_no_account_is_limited_by_address"],
    ),
    Mutation(
        "front",
        "front: the document is generated for each request",
        edit("foam/api/openapi/view.py", "@lru_cache(maxsize=1)\n", ""),
        [f"{TEST_FRONT}::test_openapi_document_is_generated_once_and_not_sent_twice"],
    ),
    Mutation(
        "P9",
        "restore: gives ids out again",
        edit("foam/management/commands/after_restore.py", "        skip_ahead(gap)\n", ""),
        ["foam/tests/deployment/test_backup.py::test_no_id_is_given_out_again_after_a_restore"],
    ),
    Mutation(
        "P5",
        "migration: has everybody wait for a table",
        edit(MIGRATE_ONCE, "SET LOCAL lock_timeout = '2s'", "SET LOCAL lock_timeout = 0"),
        [f"{TEST_DEPLOYMENT}::test_statement_of_a_migration_gives_a_table_up_within_seconds"],
    ),
    Mutation(
        "P5",
        "migration: its lock ends before it",
        edit(MIGRATE_ONCE, "    own.set_autocommit(False)\n", ""),
        [f"{TEST_DEPLOYMENT}::test_migration_holds_the_lock_and_lets_it_go"],
    ),
    Mutation(
        "P5",
        "migration: goes on where replaced ones are missing",
        edit(MIGRATE_ONCE, "                refuse_half_replaced()\n"),
        [
            f"{TEST_DEPLOYMENT}::test_database_that_lacks_a_replaced_migration_is_refused_in_a_sentence"
        ],
    ),
    Mutation(
        "P5",
        "migration: an index that is left half-built stays",
        edit(MIGRATE_ONCE, "                self.clear_away()\n"),
        [f"{TEST_DEPLOYMENT}::test_index_of_a_migration_that_was_cut_off_is_made_anew"],
    ),
    Mutation(
        "P5",
        "empty database: a file of other migrations is loaded",
        edit("foam/postgresql/initial_schema.py", "text.startswith(header())", "text"),
        [f"{TEST_INITIAL_SCHEMA}::test_file_of_other_migrations_is_not_loaded"],
    ),
    Mutation(
        "P5",
        "empty database: the file is loaded without its rows",
        edit("foam/postgresql/initial_schema.py", "transaction.atomic(), connection", "connection"),
        [f"{TEST_INITIAL_SCHEMA}::test_file_is_loaded_with_its_rows_or_not_at_all"],
    ),
    Mutation(
        "operations",
        "doctor: replaced migrations count as those of a newer FOAM",
        edit("foam/monitoring/doctor/database.py", " | replaced_migrations.names()"),
        [f"{TEST_DOCTOR}::test_database_that_has_all_replaced_migrations_is_complete"],
    ),
    Mutation(
        "P4",
        "broker: its restart ends the worker",
        edit(BROKER, '        "ack_emulation": False,\n'),
        [f"{TEST_FAULTS}::test_message_on_its_way_is_not_broken_off_when_the_broker_restarts"],
    ),
    Mutation(
        "P5",
        "beat: waits for a clock that was set back",
        edit(
            SETTINGS,
            "foam.processes.beat_scheduler:Scheduler",
            "django_celery_beat.schedulers:DatabaseScheduler",
        ),
        [f"{TEST_FAULTS}::test_clock_that_jumps_under_a_running_foam_is_followed"],
    ),
    Mutation(
        "P5",
        "claim: held for ever by a machine that is gone",
        edit(
            DATABASE_SETTINGS,
            "idle_in_transaction_session_timeout=60s",
            "idle_in_transaction_session_timeout=0",
        ),
        [TEST_CRASHES],
    ),
    Mutation(
        "P10",
        "API page: words are markup",
        edit(
            LINKED,
            "text = json.dumps(value, ensure_ascii=False)",
            "text = mark_safe(json.dumps(value))",
        ),
        [TEST_BROWSABLE],
    ),
    Mutation(
        "P10",
        "API page: may ask others",
        edit(BROWSABLE, '        response["Content-Security-Policy"] = CSP\n'),
        [TEST_BROWSABLE],
    ),
    Mutation(
        "API",
        "pages: ties are not broken",
        edit(
            "reminders/lists/page.py",
            "{self.order.column} {sign}, r.id {sign} LIMIT",
            "{self.order.column} {sign} LIMIT",
        ),
        ["reminders/tests/lists/test_page.py"],
    ),
    Mutation(
        "P10",
        "operations: a log tells what an exception quotes",
        edit(LOGS, 'QUOTED.sub("…", lines[0])', "lines[0]"),
        [TEST_LOGS],
    ),
    Mutation(
        "P10",
        "operations: a log tells addresses whole",
        edit(LOGS, "        text = pattern.sub(instead, text)\n", "        pass\n"),
        [TEST_LOGS],
    ),
    Mutation(
        "P10",
        "operations: a request is logged by its address",
        edit(
            "foam/middleware.py",
            "*(request.method, view,",
            "*(request.method, request.get_full_path(),",
        ),
        [TEST_LOGS],
    ),
    Mutation(
        "P10",
        "operations: Sentry gets who it was and what went before",
        edit(SENTRY, "        event.pop(name, None)\n    request", "        pass\n    request"),
        [TEST_SENTRY],
    ),
    Mutation(
        "P10",
        "operations: without a token everybody may read the metrics",
        edit(
            VIEWS,
            'if settings.PRODUCTION or request.META.get("REMOTE_ADDR")',
            'if False and request.META.get("REMOTE_ADDR")',
        ),
        [TEST_METRICS],
    ),
    Mutation(
        "operations",
        "operations: a part of the metrics that hangs holds up the rest",
        edit(
            "foam/monitoring/metrics.py",
            '            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")\n',
            "            pass\n",
        ),
        [TEST_METRICS],
    ),
    Mutation(
        "operations",
        "operations: a check that is excluded counts",
        edit(
            "foam/monitoring/health.py",
            " for name in CHECKS if name not in excluded",
            " for name in CHECKS",
        ),
        [TEST_PROBES],
    ),
    Mutation(
        "operations",
        "operations: the doctor waits for a check that hangs",
        edit(
            "foam/monitoring/doctor/__init__.py",
            "answers.get(timeout=patience)",
            "answers.get(timeout=patience + 20)",
        ),
        [TEST_DOCTOR],
    ),
    Mutation(
        "P10",
        "feed: its address is logged by the server",
        edit(ACCESS, '_SECRET.sub("[secret]", text)', "text"),
        [TEST_ACCESS],
    ),
    Mutation(
        "pages",
        "pages: a command that is not there",
        edit("README.md", "createtoken demo --name terminal", "maketoken demo --name terminal"),
        [f"{TEST_DOCS}::test_commands_of_the_page_run"],
    ),
    Mutation(
        "pages",
        "pages: an address of the API that is not there",
        edit("docs/holding.md", "PATCH /api/v1/me/", "PATCH /api/v1/myself/"),
        [f"{TEST_DOCS}::test_request_is_one_that_the_api_knows"],
    ),
    Mutation(
        "pages",
        "pages: a command that nobody runs",
        edit(
            "docs/operations.md",
            "```sh\npython manage.py canary",
            "```text\npython manage.py canary",
        ),
        [f"{TEST_DOCS}::test_every_block_says_what_it_is"],
    ),
    Mutation(
        "P9",
        "dashboard: figures are shown to whom they are not for",
        edit(
            "foam/monitoring/dashboard/__init__.py",
            "        return admin.site.get_model_admin(model).has_view_permission(request)\n",
            "        return True\n",
        ),
        [TEST_DASHBOARD],
    ),
    Mutation(
        "P5",
        "dashboard: what a sample is to stand for is read whole",
        edit(
            "foam/monitoring/dashboard/sampling.py",
            "        share = min(1.0, pages / max(1, size))\n",
            "        share = 1.0\n",
        ),
        [TEST_DASHBOARD],
    ),
    Mutation(
        "history",
        "history: the admin does not say who is at work",
        edit("foam/settings.py", '    "accounts.sign_in.middleware.RecordActor",\n'),
        ["reminders/tests/api/test_who.py"],
    ),
    Mutation(
        "faces",
        "faces: a form to create sends the filter of its list along",
        edit(BROWSABLE, "for parameter in set(query) - set(allowed):", "for parameter in ():"),
        [f"{TEST_BROWSABLE}::test_form_to_create_leaves_out_the_filter_of_its_list"],
    ),
    Mutation(
        "faces",
        "faces: an edit form has the fields of the answer, not of the edit",
        edit(BROWSABLE, "                serializer = body\n", "                pass\n"),
        [f"{TEST_BROWSABLE}::test_edit_form_has_what_the_edit_takes"],
    ),
    Mutation(
        "faces",
        "faces: a button of the admin does not say what it has opened",
        edit("foam/static/foam/admin.js", "String(isVisible(panel))", '"false"'),
        ["foam/tests/admin/test_admin_keyboard.py::test_scheduler_opens_and_leads_to_its_lists"],
    ),
    Mutation(
        "faces",
        "faces: staff do not find a reminder by a tag",
        edit("reminders/admin/search.py", " | Q(tags__contains=[word])"),
        ["foam/tests/admin/test_admin_lists.py::test_reminder_is_found_by_a_tag"],
    ),
]
