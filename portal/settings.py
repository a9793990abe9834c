"""The one settings module; everything that differs between machines comes from the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from aws.regions import known_regions
from portal.api_settings import *  # noqa: F403
from portal.app_settings import *  # noqa: F403
from portal.celery_settings import *  # noqa: F403
from portal.environment import Environment
from portal.headers import *  # noqa: F403
from portal.identity_providers import reading as identity_providers
from portal.logs import *  # noqa: F403 - constants that Django reads by their names
from portal.logs import configure_structlog
from portal.sign_in_settings import *  # noqa: F403
from portal.template_settings import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
configure_structlog()

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", example="a long random string, e.g. from `openssl rand -base64 48`")
# Former keys: what they signed and sealed is still read.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS", default=[])
PORTAL_URL = env.url("PORTAL_URL", default="http://127.0.0.1:8000")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
ALLOWED_HOSTS = ALLOWED_HOSTS or [urlsplit(PORTAL_URL).hostname or ""]
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
# The application's role reads and writes; the owner's alone makes tables, and only manage.py migrate is told of it.
DATABASE_APPLICATION = env.postgres("DATABASE_URL")
DATABASE_OWNER = env.postgres("DATABASE_OWNER_URL", otherwise="DATABASE_URL")
DATABASES = {"default": DATABASE_APPLICATION}
REDIS_URL = env.redis("REDIS_URL")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",  # its rows of second factors, and the step of a sign-in; the pages are portal.second_factor's
    "allauth.socialaccount",  # whom a provider vouches for; its providers are named by portal.federation alone
    "django_cotton.apps.SimpleAppConfig",  # its own set-up would put its loader in the place of ours
    "django_htmx",
    "django_structlog",
    "pgtrigger",
    "csp",
    "portal.access",
    "portal.audit",
    "portal.notify",
    "portal.tags",
    "portal.inventory",
    "portal.sign_in",
    "portal.second_factor",
    "portal.reauthentication",
    *API_APPS,  # noqa: F405
    "portal.people",
    "portal.federation",
    "portal.web",
    "exceptions",
    "patching",
    "reports",
]
MIDDLEWARE = [
    "portal.web.middleware.OnlyTrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "portal.web.middleware.RequestBudget",
    "csp.middleware.CSPMiddleware",
    "portal.federation.middleware.SmallAnswers",
    "portal.web.middleware.NoNulCharacters",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.web.middleware.SignInFromFragments",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "portal.sign_in.middleware.FirstChooseAPassword",
    "portal.second_factor.middleware.FirstSetUpASecondFactor",
    "portal.reauthentication.middleware.ShowThatItIsYou",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.sign_in.middleware.SessionsEnd",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.audit.middleware.Exports",
    "portal.web.middleware.RefusalPages",
    "portal.audit.middleware.RefusedActs",
]
# What a request may take in all. The exceptions are named: LARGE_ACTS in portal/web/middleware.py, STREAMS in
# portal/web/csv_export.py. docs/adr/0072.
REQUEST_SECONDS = env.seconds("REQUEST_SECONDS", default=5)
ACT_SECONDS = 30.0
EXPORT_SECONDS, EXPORT_ROWS = 60.0, 1_000_000
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
MAIL = env.mail_server("EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = MAIL.host, MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_SSL, EMAIL_USE_TLS = MAIL.wrapped, not MAIL.wrapped
EMAIL_TIMEOUT = 4  # seconds; a page waits for it
DEFAULT_FROM_EMAIL = env.address("EMAIL_FROM", default="Patch Portal <patch-portal@example.com>")
# TLS ends at a proxy. Which proxies are believed, and how many stand one behind the other.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
PROXY_COUNT = env.whole_number("PROXY_COUNT", default=1, least=1)
HTTPS = PORTAL_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
HSTS_SECONDS = env.whole_number("HSTS_SECONDS", default=31_536_000, least=0)
SECURE_HSTS_SECONDS = HSTS_SECONDS if HTTPS else 0
# Without a proxy that tells how it was reached, a redirect would run in a circle (portal/web/checks.py says so).
SECURE_SSL_REDIRECT = HTTPS and bool(TRUSTED_PROXIES)
SECURE_SSL_HOST = urlsplit(PORTAL_URL).netloc
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
# Per role, in minutes: without a request, and in all. The strictest of a person's roles counts.
SESSION_LIMITS = env.session_limits("SESSION_LIMITS", default=USUAL_SESSION_LIMITS)  # noqa: F405
SESSION_COOKIE_AGE = int(max(absolute for _, absolute in SESSION_LIMITS.values()).total_seconds())
# So long after somebody has shown that it is them they may do dangerous acts (portal/reauthentication/acts.py).
REAUTHENTICATION_SECONDS = env.whole_number("REAUTHENTICATION_SECONDS", default=600, least=60)
SECOND_FACTOR_ROLES = env.roles("SECOND_FACTOR_ROLES", known=SESSION_LIMITS)
# Whether a second admin has to agree before somebody gets the right to approve exceptions.
FOUR_EYES = env.flag("FOUR_EYES", default=True)
IDENTITY_PROVIDERS = identity_providers.read(env.text("IDENTITY_PROVIDERS_FILE", default=""))
DISPLAY_TIME_ZONE = env.time_zone("DISPLAY_TIME_ZONE", default="Europe/Berlin")

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=BASE_DIR / "staticfiles")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or env.flag("PLAIN_STATIC", default=False)
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL.replace("redis+socket://", "unix://"),
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},  # seconds; a page waits for it
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = env.broker("BROKER_URL", default=REDIS_URL)
# Accounts × regions that one worker process speaks to at once, each by a connection to PostgreSQL of its own.
PLACES_AT_ONCE = env.whole_number("PLACES_AT_ONCE", default=16, least=1)
# So long after its lease a worker that hung may still make its call to AWS. docs/adr/0079.
STRAY_WRITE_SECONDS = env.seconds("STRAY_WRITE_SECONDS", default=180)
TASK_STATEMENT_SECONDS = 300  # one statement of a task: it ends, and says why, long before the task has to
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 1800} if "redis" in CELERY_BROKER_URL.partition("://")[0] else {}
)
CELERY_BEAT_SCHEDULE = {
    # The rows carry the work: a tick only looks for rows that are due, so a lost or doubled one is harmless.
    "reconcile-runs": {
        "task": "patching.tasks.reconcile_runs",
        "schedule": env.seconds("TICK_SECONDS", default=5),
    },
    "reconcile-snapshots": {
        "task": "patching.tasks.reconcile_snapshots",
        "schedule": env.seconds("TICK_SECONDS", default=5),
    },
    "remind-schedulers": {
        "task": "patching.tasks.remind_schedulers",
        "schedule": env.seconds("SYNC_SECONDS", default=300),
    },
    "audit-runs": {"task": "patching.tasks.audit_runs", "schedule": crontab(hour="4", minute="17")},
    "carry-audits-on": {
        "task": "patching.tasks.carry_audits_on",
        "schedule": env.seconds("TICK_SECONDS", default=5),
    },
    "plan-runs": {"task": "patching.tasks.plan_runs", "schedule": env.seconds("PLAN_SECONDS", default=60)},
    "write-tags": {
        "task": "portal.inventory.tasks.write_tags",
        "schedule": env.seconds("TICK_SECONDS", default=5),
    },
    "send-notices": {
        "task": "portal.notify.tasks.send_due",
        "schedule": env.seconds("TICK_SECONDS", default=5),
    },
    "sync-inventory": {
        "task": "portal.inventory.tasks.sync_all",
        "schedule": env.seconds("SYNC_SECONDS", default=300),
    },
    "exception-clock": {"task": "exceptions.tasks.tick", "schedule": env.seconds("PLAN_SECONDS", default=60)},
}
EVENTS_QUEUE_URL = env.matching(
    "EVENTS_QUEUE_URL", default="", pattern=r"(https?://\S+)?",
    example="the address of a queue, e.g. https://sqs.eu-central-1.amazonaws.com/111122223333/events, or nothing",
)  # fmt: skip
if EVENTS_QUEUE_URL:  # without one nobody need take the queue of hints
    CELERY_BEAT_SCHEDULE["consume-events"] = {
        "task": "patching.tasks.consume_events",
        "schedule": env.seconds("TICK_SECONDS", default=5),
    }
# Beat stamps a tick's end by its clock and a worker reads it by its own: ticks must outlive the difference, or nothing
# would be done. One that finds nothing due costs milliseconds, so ten minutes of them are no burden (docs/adr/0051).
CLOCKS_DIFFER_S = 600.0
for entry in CELERY_BEAT_SCHEDULE.values():
    if isinstance(entry["schedule"], float):
        entry["options"] = {"expires": CLOCKS_DIFFER_S + 2 * entry["schedule"]}

# AWS: the simulated one stands outside, behind AWS_ENDPOINT_URL, which boto3 reads by itself.
AWS_PORTAL_REGION = env.matching(
    "AWS_REGION",
    default="eu-central-1",
    pattern="|".join(sorted(known_regions())),
    example="a region that the AWS SDK knows, e.g. eu-central-1",
)
# Told of exceptions, for programs (docs/notices.md). Without one nothing is kept for it.
NOTIFY_TOPIC_ARN = env.matching(
    "NOTIFY_TOPIC_ARN", default="",
    pattern=rf"(arn:aws[a-z-]*:sns:{AWS_PORTAL_REGION}:\d{{12}}:[\w-]{{1,251}}(\.fifo)?)?",
    example=f"the ARN of a topic in {AWS_PORTAL_REGION}, e.g. "
    f"arn:aws:sns:{AWS_PORTAL_REGION}:111122223333:patch-portal-notices, or nothing",
)  # fmt: skip
AWS_ROLE_NAME = env.matching(
    "AWS_ROLE_NAME",
    default="PatchPortal",
    pattern=r"[\w+=,.@-]{1,64}",
    example="a role's name, e.g. PatchPortal",
)
AWS_EXTERNAL_ID = env.matching(
    "AWS_EXTERNAL_ID", default="", pattern=r"([\w+=,.@:/-]{2,1224})?",
    example="2 to 1224 letters, digits and + = , . @ : / -, or nothing",
)  # fmt: skip
# Named by the policies that the portal generates and checks: who may enter the accounts and write evidence.
AWS_PORTAL_ROLE_ARN = env.matching(
    "AWS_PORTAL_ROLE_ARN", default="", pattern=r"(arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576})?",
    example="the ARN of the role that the portal runs with, e.g. arn:aws:iam::111122223333:role/PatchPortalServer",
)  # fmt: skip
AWS_ACCESSES = "portal.inventory.queries.accesses"  # which accounts portal.cloud may enter, and how
RESULTS_BUCKET = env.bucket("RESULTS_BUCKET")
TAG_KEYS = {
    "owner": env.tag_key("TAG_OWNER", default="Owner"),
    "application": env.tag_key("TAG_APPLICATION", default="Application"),
    "environment": env.tag_key("TAG_ENVIRONMENT", default="Environment"),
    "business_unit": env.tag_key("TAG_BUSINESS_UNIT", default="BusinessUnit"),
    "cluster": env.tag_key("TAG_CLUSTER", default="PatchCluster"),
    "window": env.tag_key("TAG_WINDOW", default="PatchWindow"),
    "exception": env.tag_key("TAG_EXCEPTION", default="PatchException"),
    "patch_now": env.tag_key("TAG_PATCH_NOW", default="ssm-patch-now"),
    "last_patched": env.tag_key("TAG_LAST_PATCHED", default="LastPatched"),
    "wake": env.tag_key("TAG_WAKE", default="PatchPortal:Wake"),
    "snapshot": env.tag_key("TAG_SNAPSHOT", default="PatchPortal:Snapshot"),
}
# Tags of tools that start and stop hosts, and what each says while a run needs the host: AWS Instance Scheduler leaves
# a host without its tag alone, Cloud Custodian one whose tag says off. None: the tag is away meanwhile.
SCHEDULER_TAGS = env.pairs(
    "SCHEDULER_TAGS", default="Schedule=,maid_offhours=off,maid_onhours=off,custodian_downtime=off"
)
# The keys that the portal writes to instances: all that the role in each account is allowed to write.
WRITTEN_TAG_KEYS = sorted(
    {TAG_KEYS[name] for name in ("window", "exception", "patch_now", "last_patched", "wake")}
    | SCHEDULER_TAGS.keys()
)
# Set to `true` by a server's owner: only such servers may the role start, stop and restore. The portal never writes it.
MANAGED_TAG = env.tag_key("TAG_MANAGED", default="PatchPortal:Managed")
if MANAGED_TAG in WRITTEN_TAG_KEYS:
    raise ImproperlyConfigured(
        f"TAG_MANAGED is {MANAGED_TAG!r}, a key that the portal writes itself; choose one that it cannot, e.g. "
        "PatchPortal:Managed."
    )
