"""Pages of REST lists."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination


class CursorPage(CursorPagination):
    """Newest first, stable while rows are added; `?cursor=` comes from the `next` and `previous` links."""

    ordering: str | tuple[str, ...] = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> list[Any] | None:
        """One page; a cursor that no link of ours carries is 404."""
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (ValueError, ValidationError) as error:
            raise NotFound(self.invalid_cursor_message) from error
