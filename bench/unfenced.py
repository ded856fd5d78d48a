"""The yardstick of permissions: the API's list as the product itself reads it, over a connection without policies."""

from dataclasses import replace

from django.db import connections
from django.urls import resolve, reverse

from portal.edge import tenancy
from portal.edge.tenancy import outside_transaction


class Everything:
    """Rights that nobody looked up."""

    def has_perm(self, perm, obj=None):
        return True


@outside_transaction
def unfenced(request, slug):
    fenced = connections["default"]
    connections["default"] = connections["unfenced"]
    try:
        middleware = tenancy.TenancyMiddleware(lambda request: None)
        view = resolve(reverse("api-findings", args=[slug])).func

        def as_the_product(request, *args, **kwargs):
            request.actor = replace(request.actor, scopes=None, rights=Everything())
            return view(request, *args, **kwargs)

        return middleware.process_view(request, as_the_product, (), {"organization": slug})
    finally:
        connections["default"] = fenced
