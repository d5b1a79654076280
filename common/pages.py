"""Pages of REST lists."""

from rest_framework.pagination import CursorPagination


class CursorPage(CursorPagination):
    """Newest first, stable while rows are added; `?cursor=` comes from the `next` and `previous` links."""

    ordering: str | tuple[str, ...] = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
