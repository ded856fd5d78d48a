"""The portal's addresses and the reference's."""

from django.urls import path

from bench.reference import reference
from bench.unfenced import unfenced
from portal.urls import urlpatterns as portal_urls

urlpatterns = [
    path("bench/reference/<uuid:organization_id>/", reference),
    path("bench/unfenced/<slug:slug>/", unfenced),
    *portal_urls,
]
handler404 = "portal.web.errors.not_found"
