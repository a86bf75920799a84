"""Guarantees of the API about requests that are hostile, or merely unusual."""

from tools.mutations.mutation import Mutation, edit
from tools.mutations.paths import (
    API,
    CURSOR,
    ERRORS,
    INSTANTS,
    ONE_LINE,
    OUTAGE,
    QUERY,
    REQUEST_BODY,
    SETTINGS,
    SPELLING,
    STRICT_JSON,
    TEST_ANSWER_SIZE,
    TEST_CONDITIONAL,
    TEST_HTTP,
    TEST_INSTANTS,
    TEST_LISTS,
    TEST_ONE_LINE,
    TEST_QUERY,
    TEST_REQUEST_TEXT,
    TEST_SYNC,
)

OF_REQUESTS = [
    Mutation(
        "API",
        "requests: an instant goes to PostgreSQL with the offset that it came with",
        edit(INSTANTS, "instant = moment.astimezone(UTC)", "instant = moment"),
        [f"{TEST_INSTANTS}::test_offset_of_any_size_is_taken_in_a_query"],
    ),
    Mutation(
        "API",
        "requests: an instant at the end of the calendar is taken",
        edit(INSTANTS, "    if not EARLIEST <= instant <= LATEST:", "    if False:"),
        [f"{TEST_INSTANTS}::test_query_that_names_no_instant_is_refused_by_name"],
    ),
    Mutation(
        "API",
        "requests: a cursor is not signed",
        edit(CURSOR, "    if not any(", "    if not keys and any("),
        [
            f"{TEST_LISTS}::test_cursor_with_one_other_character_is_refused",
            f"{TEST_SYNC}::test_mark_of_another_user_is_refused",
        ],
    ),
    Mutation(
        "API",
        "requests: JSON is not looked at for what cannot be stored",
        edit(STRICT_JSON, "        _check(value)\n", "        pass\n"),
        [f"{TEST_REQUEST_TEXT}::test_json_that_cannot_be_stored_is_refused_by_its_place"],
    ),
    Mutation(
        "API",
        "requests: a chunked body counts as empty",
        edit(REQUEST_BODY, '        request.META["CONTENT_LENGTH"] = str(len(body))\n'),
        [f"{TEST_HTTP}::test_chunked_json_is_read"],
    ),
    Mutation(
        "API",
        "requests: a chunked body is read beyond the limit",
        edit(REQUEST_BODY, "        if size > limit:\n            return None\n"),
        [f"{TEST_HTTP}::test_chunked_body_beyond_the_limit_is_a_413"],
    ),
    Mutation(
        "API",
        "requests: a POST without its last slash is lost",
        edit(SPELLING, "if path.startswith(API) and", "if not path and"),
        [f"{TEST_HTTP}::test_post_without_the_slash_is_stored"],
    ),
    Mutation(
        "API",
        "requests: an answer tells every fault of a request",
        edit(ERRORS, "elif len(first) < limit:", "elif limit:"),
        [f"{TEST_ANSWER_SIZE}::test_answer_is_about_as_large_as_the_question"],
    ),
    Mutation(
        "API",
        "requests: a parameter that is unknown is dropped",
        edit(QUERY, "    if unknown:\n", "    if unknown and not known:\n"),
        [f"{TEST_QUERY}::test_parameter_that_an_operation_does_not_know_is_refused"],
    ),
    Mutation(
        "API",
        "requests: a database that is away is a 500",
        edit(OUTAGE, "if is_database_away(error):", "if not request:"),
        [f"{TEST_HTTP}::test_web_without_its_database_answers_503_in_the_language_of_the_client"],
    ),
    Mutation(
        "API",
        "requests: an export begins before its first page was read",
        edit(SETTINGS, '    "foam.api.streams.begin_stream",\n'),
        [f"{TEST_HTTP}::test_export_whose_first_page_fails_is_a_problem"],
    ),
    Mutation(
        "API",
        "requests: the tag of a write is none of a read",
        edit(API, "is_json or not (is_read or edition)", "is_json or not is_read"),
        [f"{TEST_CONDITIONAL}::test_tag_of_a_write_is_known_to_the_next_read"],
    ),
    Mutation(
        "API",
        "requests: a title that nobody sees is taken",
        edit(ONE_LINE, 'kind[0] in "LNPS"', "kind"),
        [f"{TEST_ONE_LINE}::test_title_that_cannot_be_shown_is_refused_by_the_api"],
    ),
    Mutation(
        "API",
        "requests: a page of a listed origin is kept away",
        edit(SETTINGS, '    "corsheaders.middleware.CorsMiddleware",\n'),
        ["foam/tests/api/test_cors.py::test_page_of_a_listed_origin_may_ask"],
    ),
    Mutation(
        "API",
        "requests: a problem does not name its request",
        edit("foam/api/problems.py", '"request_id": current_request_id()', '"request_id": ""'),
        ["foam/tests/api/test_problems.py::test_problem_names_its_kind_and_its_request"],
    ),
    Mutation(
        "API",
        "requests: what a sentence means is stored without its tags",
        edit("reminders/api/quick_add.py", ".data, **values}", '.data, **values, "tags": []}'),
        ["reminders/tests/api/test_quick_add.py::test_sentence_is_stored_as_parse_shows_it"],
    ),
]
