"""All settings, read from the environment (twelve-factor). `manage.py up` sets what it starts itself.

DATABASE_URL, REDIS_URL   servers; without them `up` starts embedded ones
DATA_DIR, PORT            where everything is kept (.data), where the site listens (8000)
SPINNAKER_SECRET_KEY      signs sessions; `up` makes one below DATA_DIR
SPINNAKER_AGENT_SOCKET, SPINNAKER_AGENT_TOKEN   the local cloud's agent
SPINNAKER_INSTANCE_MEMORY_MIB   of each process of a local instance (2048; 0 for no limit)
SPINNAKER_AWS_ENDPOINT_HOSTS   comma list of private hosts that may stand in for AWS
SPINNAKER_HOSTS           comma list of host names the site answers to
SPINNAKER_HTTPS           1 when a proxy in front speaks HTTPS
SPINNAKER_SECRETS_KEYS    comma list of long texts that encrypt stored secrets, the newest first; `up` makes one
SPINNAKER_OUTBOUND_ALLOW  what may be called although it is not public: networks and host names, comma list
SPINNAKER_OUTBOUND_PROXY, SPINNAKER_OUTBOUND_CA_FILE   a proxy for calls out of here, more certificates to trust
SPINNAKER_SESSION_IDLE_SECONDS   how long one may do nothing before one signs in again (3600; 0 turns it off)
SPINNAKER_SCRIPTS         1: pipelines may run scripts on the workers (`up` says 1); isolated, or not at all
SPINNAKER_SCRIPT_NETWORK  1: scripts keep the network
SPINNAKER_DEBUG           1 for Django's debug pages; refuses to start unless hosts are local
"""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from spinnaker_web import logs

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
PORT = env.int("PORT", default=8000)

LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
DEBUG = env.bool("SPINNAKER_DEBUG", default=False)
ALLOWED_HOSTS = env.list("SPINNAKER_HOSTS", default=LOCAL_HOSTS)
IS_LOCAL = set(ALLOWED_HOSTS) <= set(LOCAL_HOSTS)
if DEBUG and not IS_LOCAL:
    raise ImproperlyConfigured("SPINNAKER_DEBUG=1 is refused unless SPINNAKER_HOSTS names only local hosts.")
SECRET_KEY = env.str("SPINNAKER_SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SPINNAKER_SECRET_KEY_FALLBACKS", default=[])
IS_HTTPS = env.bool("SPINNAKER_HTTPS", default=not IS_LOCAL)

INSTALLED_APPS = [
    "clusters",
    "pipelines",
    "spinnaker_web",
    "spinnaker_web.access",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_rq",
]

MIDDLEWARE = [
    "spinnaker_web.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "spinnaker_web.access.session_limits.SessionLimitsMiddleware",
    "spinnaker_web.access.tokens.BearerTokenMiddleware",
    "spinnaker_web.access.sign_in_required.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "spinnaker_web.urls"
ASGI_APPLICATION = "spinnaker_web.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "spinnaker_web.page.page",
            ]
        },
    }
]

#: How long a worker holds an execution without renewing, seconds. Tests shorten it.
LEASE_SECONDS = env.float("SPINNAKER_LEASE_SECONDS", default=8.0)

_database = env.db_url("DATABASE_URL", default="postgres://spinnaker@127.0.0.1:5432/spinnaker")
_database["ENGINE"] = env.str("SPINNAKER_DB_ENGINE", default="django.db.backends.postgresql")
_database.setdefault("OPTIONS", {})
_database["OPTIONS"] |= {
    "connect_timeout": 3,
    # The engine's one statement is long: planned once a connection, not at each of its uses. A pooler in front of
    # PostgreSQL that gives each transaction another connection cannot have that.
    "server_side_binding": env.bool("SPINNAKER_DB_PREPARE", default=True),
    "prepare_threshold": 3 if env.bool("SPINNAKER_DB_PREPARE", default=True) else None,
    # A worker that stands still inside a transaction loses it with its lease: its row locks must not outlast that.
    "options": "-c statement_timeout=10s -c lock_timeout=3s "
    f"-c idle_in_transaction_session_timeout={LEASE_SECONDS * 1000:.0f}ms",
}
if env.bool("SPINNAKER_DB_POOL", default=False):  # the web server: a thread per request, few connections
    _database["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 20, "timeout": 5}
else:
    _database["CONN_MAX_AGE"] = None
    _database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
#: One queue per worker process; messages are hints and may be lost (docs/architecture.md).
RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": 600,
        "SERIALIZER": "rq.serializers.JSONSerializer",
        "REDIS_CLIENT_KWARGS": {"socket_connect_timeout": 0.1},
    }
    for name in ("drive", "inventory", "work")
}

#: Its pages let any staff enqueue any function; what runs is shown by our own pages.
RQ_SHOW_ADMIN_LINK = False

#: Whether pipelines may run scripts on the workers, and whether those keep the network where it could be taken away.
SCRIPTS = env.bool("SPINNAKER_SCRIPTS", default=False)
SCRIPT_NETWORK = env.bool("SPINNAKER_SCRIPT_NETWORK", default=False)

LOGGING = logs.config()

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TZ", default="UTC") or "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("SPINNAKER_STATIC_ROOT", default=None)
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_AUTOREFRESH = DEBUG

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

#: At the latest then a person signs in again, however busy they were.
SESSION_COOKIE_AGE = 12 * 3600
#: A session ends when its person has asked for nothing so long; 0 lets it go on until SESSION_COOKIE_AGE.
SESSION_IDLE_SECONDS = env.int("SPINNAKER_SESSION_IDLE_SECONDS", default=3600)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^metrics$"]  # probes come from inside, over plain HTTP
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
CSRF_FAILURE_VIEW = "spinnaker_web.errors.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
#: Largest package that may be uploaded, in bytes.
PACKAGE_MAX_BYTES = env.int("SPINNAKER_PACKAGE_MAX_BYTES", default=100 * 1024 * 1024)

#: The first encrypts what is stored, all decrypt. Without any, secrets can only be read from the environment.
SECRETS_KEYS = env.list("SPINNAKER_SECRETS_KEYS", default=[])
#: Private and loopback addresses are not called unless listed here; what is listed may also be called by plain HTTP.
OUTBOUND_ALLOW = env.list("SPINNAKER_OUTBOUND_ALLOW", default=[])
OUTBOUND_PROXY = env.str("SPINNAKER_OUTBOUND_PROXY", default="")
OUTBOUND_CA_FILE = env.str("SPINNAKER_OUTBOUND_CA_FILE", default="")

AGENT_SOCKET = env.str("SPINNAKER_AGENT_SOCKET", default=str(DATA_DIR / "agent" / "agent.sock"))
AGENT_TOKEN = env.str("SPINNAKER_AGENT_TOKEN", default="")

#: Hosts that may be the endpoint of an AWS account although they are private, or this one.
AWS_ENDPOINT_HOSTS = env.list("SPINNAKER_AWS_ENDPOINT_HOSTS", default=[])
