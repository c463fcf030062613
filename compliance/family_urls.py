"""Pages for people without an account, under /my-record/."""

from django.urls import path, register_converter

from compliance.access_reports import family_views

app_name = "my_record"


class OrganisationCode:
    """As access.Directory keeps it."""

    regex = r"[a-z0-9-]{1,40}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(OrganisationCode, "organisation_code")

urlpatterns = [
    path("<organisation_code:code>/<str:token>/", family_views.report, name="report"),
    path("<organisation_code:code>/<str:token>/close/", family_views.close, name="close"),
    path("<organisation_code:code>/<str:token>/ask/<uuid:entry_id>/", family_views.ask, name="ask"),
]
