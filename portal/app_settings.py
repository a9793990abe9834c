"""What the apps add to every page, and the kinds of their notifications. portal/settings.py takes them all.

Named as strings: the portal's rooms import no app above them.
"""

from __future__ import annotations

PORTAL_NAV = [
    "reports.navigation.entries",
    "patching.navigation.entries",
    "exceptions.navigation.entries",
    "portal.inventory.navigation.entries",
    "portal.people.navigation.entries",
    "portal.federation.navigation.entries",
    "portal.audit.navigation.entries",
    "portal.notify.navigation.entries",
]
NOTIFICATION_KINDS = [
    "patching.notices.KINDS",
    "exceptions.notices.KINDS",
    "portal.people.notices.KINDS",
    "portal.federation.notices.KINDS",
    "portal.sign_in.notices.KINDS",
    "portal.second_factor.notices.KINDS",
]
# What each app has of a person who leaves, and how it becomes somebody else's.
PORTAL_LEFT_OPEN = ["exceptions.leaving.left_open", "patching.leaving.left_open"]
PORTAL_HAND_OVER = ["exceptions.leaving.hand_over"]
PORTAL_BANNERS = ["patching.navigation.banners", "portal.people.navigation.banners"]
PORTAL_SEARCH = "reports:search"
EXCEPTION_CONSEQUENCES = "patching.queries.consequences"
