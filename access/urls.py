from django.urls import path

from access import views

app_name = "access"
urlpatterns = [
    path("organisation/", views.organisation, name="organisation"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("lock/", views.lock, name="lock"),
    path("lock/now/", views.lock_now, name="lock_now"),
    path("session/", views.session_state, name="session_state"),
    path("session/activity/", views.activity, name="activity"),
    path("session/printed/", views.printed, name="printed"),
    path("account/", views.account, name="account"),
    path("people/", views.people, name="people"),
    path("people/<uuid:staff_id>/leaver/", views.leaver, name="leaver"),
    path("tablets/", views.devices, name="devices"),
    path("tablets/<uuid:device_id>/block/", views.device_block, name="device_block"),
]
