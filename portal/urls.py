"""Every address of the portal. Areas bring their own urlpatterns; `/o/<organization>/` enters the organization."""

from django.conf import settings
from django.urls import include, path

from portal.web import health

_pages = [
    path("", include("portal.web.dashboard")),
    path("", include("portal.web.approvals")),
    path("", include("portal.web.delegations")),
    path("", include("portal.web.emergency")),
    path("", include("portal.web.people")),
    path("", include("portal.web.role_grants")),
    path("", include("portal.web.identities")),
    path("", include("portal.web.duties")),
    path("", include("portal.web.access")),
    path("", include("portal.web.teams")),
    path("", include("portal.web.support")),
    path("", include("portal.web.access_reviews")),
    path("", include("portal.web.ledger")),
    path("", include("portal.web.auditor")),
    path("", include("portal.web.imports")),
    path("", include("portal.web.findings")),
    path("", include("portal.web.triage")),
    path("", include("portal.web.tasks")),
    path("", include("portal.web.controls")),
    path("", include("portal.web.jobs")),
    path("", include("portal.web.rules")),
    path("", include("portal.web.settings")),
    path("", include("portal.web.documents")),
    path("", include("portal.web.vault")),
    path("", include("portal.web.evidence")),
    path("", include("portal.web.retention")),
    path("", include("portal.web.engagements")),
    path("", include("portal.web.packages")),
    path("", include("portal.web.package_links")),
    path("", include("portal.web.package_changes")),
    path("", include("portal.web.search")),
]

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("portal.web.wellknown")),
    path("", include("portal.web.verifying")),
    path("", include("portal.web.recipients")),
    path("", include("portal.web.accounts")),
    path("", include("portal.web.security")),
    path("", include("portal.web.preferences")),
    path("o/<slug:organization>/", include(_pages)),
    path("ledger/", include("portal.web.published")),
    path("api/v1/", include("portal.api.v1.urls")),
]

if getattr(settings, "CLEARHOLD_UI_KIT", False):
    urlpatterns.append(path("ui-kit/", include("portal.web.ui_kit")))

handler400 = "portal.web.errors.bad_request"
handler403 = "portal.web.errors.forbidden"
handler404 = "portal.web.errors.not_found"
handler500 = "portal.web.errors.server_error"
