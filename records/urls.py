from django.urls import path

from records import views

app_name = "records"
urlpatterns = [
    path("residents/", views.resident_list, name="resident_list"),
    path("residents/import/", views.resident_import, name="resident_import"),
    path("residents/import/sample.csv", views.resident_sample, name="resident_sample"),
    path("residents/<uuid:resident_id>/", views.resident, name="resident"),
    path("residents/<uuid:resident_id>/notes/", views.daily_notes, name="daily_notes"),
    path("residents/<uuid:resident_id>/notes/new/", views.daily_note_new, name="daily_note_new"),
    path("residents/<uuid:resident_id>/erase/", views.resident_erase, name="resident_erase"),
    path("erasures/", views.erasures, name="erasures"),
    path("erasures/<uuid:erasure_id>/", views.erasure, name="erasure"),
    path("notes/<uuid:note_id>/correct/", views.daily_note_correct, name="daily_note_correct"),
]
