from django.urls import path

from spinnaker_web.access.views import me, sign_in

urlpatterns = [
    path("login", sign_in.log_in, name="login"),
    path("logout", sign_in.log_out, name="logout"),
    path("me", me.me, name="me"),
    path("me/theme", me.theme, name="theme"),
    path("me/tokens", me.make_token, name="token_new"),
    path("me/tokens/<int:pk>/revoke", me.revoke_token, name="token_revoke"),
]
