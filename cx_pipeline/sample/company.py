"""The make-up of the sample's company: who it serves, where, with which teams, at what prices.

Nothing enters; constants leave, each a tuple whose positions are the codes the generator draws.
Anyone in this room may read them; they import nothing heavy.
"""

from __future__ import annotations

from typing import NamedTuple

NAME_EN, NAME_KO = "Haneul Home", "하늘홈"
BRANDS = ("haneul", "haneul_pro")
BRAND_SHARES = (0.8, 0.2)

ZONES = ("Asia/Seoul", "America/New_York", "Europe/London", "Asia/Tokyo", "Europe/Berlin")
SEOUL = 0
"""The zone in which the company reports; periods of the planted facts are cut in it."""


class Country(NamedTuple):
    """A market: `zone` and `team_site` are positions in ZONES and SITES."""

    code: str
    share: float
    zone: int
    language: str
    currency: str
    team_site: int


COUNTRIES = (
    Country("KR", 0.62, 0, "ko", "KRW", 0),
    Country("US", 0.20, 1, "en", "USD", 1),
    Country("GB", 0.06, 2, "en", "USD", 2),
    Country("JP", 0.07, 3, "ja", "USD", 0),
    Country("DE", 0.05, 4, "de", "USD", 2),
)
KRW_PER_USD = 1350

SEGMENTS = ("consumer", "small_business", "enterprise")
SEGMENT_SHARES = (0.78, 0.17, 0.05)
SEGMENT_ORDER_RATE = (1.0, 1.5, 2.2)
SEGMENT_CONTRACTUAL = (0.2, 0.4, 0.8)
SEGMENT_PLAN_USD = (9.0, 49.0, 390.0)


class Acquisition(NamedTuple):
    """An acquisition channel: `drop_out` is the chance that an order is the last one."""

    code: str
    share: float
    cost_usd: float
    drop_out: float
    order_rate: float
    warmth: float


ACQUISITION = (
    Acquisition("direct", 0.16, 4.0, 0.15, 1.0, 0.1),
    Acquisition("referral", 0.14, 5.0, 0.03, 1.6, 0.6),
    Acquisition("organic_search", 0.20, 6.0, 0.18, 1.0, 0.1),
    Acquisition("paid_search", 0.17, 31.0, 0.24, 0.95, -0.1),
    Acquisition("social", 0.13, 22.0, 0.27, 0.9, -0.2),
    Acquisition("email", 0.05, 7.0, 0.18, 1.0, 0.1),
    Acquisition("display", 0.06, 38.0, 0.30, 0.85, -0.3),
    Acquisition("store", 0.05, 14.0, 0.2, 1.0, 0.0),
    Acquisition("partner", 0.04, 18.0, 0.22, 0.9, 0.0),
)
REFERRAL = 1

PRODUCTS = ("air_purifier", "robot_vacuum", "smart_lamp", "water_filter", "haneul_plus")
PRODUCT_SHARES = (0.28, 0.22, 0.30, 0.20)
PRODUCT_PRICE_USD = (180.0, 320.0, 45.0, 28.0)
SUBSCRIPTION = 4
SALES_CHANNELS = ("app", "web", "store")
SALES_CHANNEL_SHARES = (0.5, 0.4, 0.1)

SITES = ("seoul", "new_york", "london")
SITE_ZONES = (0, 1, 2)
SITE_OPENS = (9 * 3600, 9 * 3600, 9 * 3600)
SITE_HOURS = 8 * 3600
"""Every site works Monday to Friday for eight hours of its own local time (lunch is covered)."""

TEAMS = ("seoul_care", "seoul_technical", "new_york_care", "london_care", "tier_2")
TEAM_SITES = (0, 0, 1, 2, 0)
TEAM_WEIGHTS = (0.46, 0.18, 0.2, 0.12, 0.12)
TIER_2 = 4

CATEGORIES = ("delivery", "returns", "product", "payment", "account", "technical", "subscription")
ORDER_CATEGORY_SHARES = (0.36, 0.2, 0.2, 0.14, 0.0, 0.1, 0.0)
GENERAL_CATEGORY_SHARES = (0.05, 0.05, 0.2, 0.15, 0.25, 0.2, 0.1)
ACCOUNT_CATEGORY, TECHNICAL, SUBSCRIPTION_CATEGORY = 4, 5, 6
SUBJECTS = {
    "ko": (
        "배송 문의드립니다",
        "반품 요청합니다",
        "제품 사용 문의",
        "결제 오류 문의",
        "계정 관련 문의",
        "기기 연결이 안 됩니다",
        "구독 변경 요청",
    ),
    "en": (
        "Where is my order?",
        "I would like to return an item",
        "Question about my product",
        "Payment problem",
        "Help with my account",
        "Device does not connect",
        "Change my subscription",
    ),
}
SPAM_SUBJECT = "Grow your business fast!!!"
TEST_SUBJECT = "test - please ignore"

TICKET_CHANNELS = ("email", "chat", "phone", "web", "app")
TICKET_CHANNEL_SHARES = (0.42, 0.22, 0.18, 0.10, 0.08)
EMAIL, CHAT, PHONE, WEB, APP = range(5)
PRIORITIES = ("low", "normal", "high", "urgent")
PRIORITY_SHARES = (0.12, 0.63, 0.2, 0.05)
PRIORITY_PACE = (1.6, 1.0, 0.55, 0.25)

ACTORS = ("customer", "agent", "bot", "system")
CUSTOMER, AGENT, BOT, SYSTEM = range(4)
EVENTS = (
    "created",
    "reply",
    "note",
    "call",
    "status",
    "assignment",
    "team",
    "priority",
    "handover",
    "satisfaction_offered",
    "satisfaction",
    "merged",
)
(
    CREATED,
    REPLY,
    NOTE,
    CALL,
    STATUS,
    ASSIGNMENT,
    TEAM,
    PRIORITY,
    HANDOVER,
    OFFERED,
    SATISFACTION,
    MERGED,
) = range(12)
STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed", "merged", "spam")
NEW, OPEN, PENDING, ON_HOLD, SOLVED, CLOSED, MERGED_STATUS, SPAM = range(8)
VALUES = (*STATUSES, *TEAMS, *PRIORITIES, "1", "2", "3", "4", "5")
"""Everything an event's value can be, apart from the number of another ticket."""
TEAM_VALUE = len(STATUSES)
PRIORITY_VALUE = TEAM_VALUE + len(TEAMS)
SCORE_VALUE = PRIORITY_VALUE + len(PRIORITIES) - 1  # plus the score

JOURNEY = (
    ("visit", "awareness"),
    ("search", "consideration"),
    ("product_page", "consideration"),
    ("cart", "purchase"),
    ("payment", "purchase"),
    ("order_confirmation", "purchase"),
    ("support_call", "support"),
    ("bot_session", "support"),
    ("store_visit", "consideration"),
    ("delivery", "purchase"),
    ("support", "support"),
)
(
    VISIT,
    SEARCH,
    PRODUCT_PAGE,
    CART,
    PAYMENT,
    CONFIRMATION,
    SUPPORT_CALL,
    BOT_SESSION,
    STORE_VISIT,
    DELIVERY,
    SUPPORT,
) = range(11)
OUTCOMES = ("success", "failure", "abandoned", "escalated", "none")
SUCCESS, FAILURE, ABANDONED, ESCALATED, NO_OUTCOME = range(5)
TOUCH_CHANNELS = ("app", "web", "store", "phone", "bot", "paid_search", "social", "display", "email")
PAYMENT_FAILURE = (0.28, 0.035)
"""Chance that a payment step fails in the app and on the web: the planted friction point."""
CAMPAIGNS = ("spring_sale", "back_to_school", "black_friday", "seollal_gifts")
