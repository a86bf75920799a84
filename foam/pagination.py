from rest_framework import pagination


class CursorPagination(pagination.CursorPagination):
    """Newest first. Stable while rows come and go, and as fast on the last page as on the first."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
