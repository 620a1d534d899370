"""What the sample's customers write, in Korean and English, and the identifiers some of them give away.

A comment is a sentence on its topic that fits the score, mostly followed by a closing one; the two
are combined beforehand into a pool of some nine hundred texts, so that a row only needs a position.
Every character can be written in CP949.  Called by `voice` and `generate`.
"""

from __future__ import annotations

import numpy as np

from cx_pipeline.sample.draw import Ints, Rng
from cx_pipeline.sample.report import PlantedIdentifier

TOPICS = ("support", "delivery", "product", "payment", "company")
BAD, MIXED, GOOD = range(3)
WRITTEN = ("ko", "en")

_SENTENCES: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    ("ko", "support"): (
        (
            "답변을 받기까지 너무 오래 걸렸습니다.",
            "문의한 지 며칠이 지나서야 연락이 왔어요.",
            "상담원마다 말이 달라서 답답했습니다.",
            "같은 내용을 세 번이나 설명해야 했어요.",
            "복사해 붙인 듯한 답변만 받았습니다.",
            "문제가 해결되지 않았는데 문의가 종료됐어요.",
        ),
        (
            "해결은 됐지만 조금 기다려야 했습니다.",
            "상담원은 친절했는데 처리가 느렸어요.",
            "무난한 상담이었습니다.",
            "답변이 짧아서 한 번 더 물어봤습니다.",
            "생각보다 절차가 복잡했지만 결국 처리됐어요.",
            "전화 연결이 조금 더 빨랐으면 합니다.",
        ),
        (
            "상담원이 정말 친절하게 안내해 주셨어요.",
            "문의하자마자 바로 해결됐습니다.",
            "답변이 빠르고 정확해서 놀랐어요.",
            "끝까지 책임지고 확인해 주셔서 고마웠습니다.",
            "어려운 내용을 쉽게 설명해 주셨어요.",
            "주말이 지나자마자 먼저 연락을 주셨습니다.",
        ),
    ),
    ("ko", "delivery"): (
        (
            "배송이 예정일보다 일주일이나 늦었습니다.",
            "상자가 찌그러진 채로 도착했어요.",
            "배송 조회가 며칠째 그대로였습니다.",
            "문 앞에 두고 갔다는데 물건이 없었어요.",
            "주문한 것과 다른 색상이 왔습니다.",
            "배송 기사님과 연락이 되지 않았어요.",
        ),
        (
            "배송은 하루 늦었지만 물건은 괜찮아요.",
            "포장은 평범했고 이상은 없었습니다.",
            "도착 시간을 미리 알려 주면 좋겠어요.",
            "배송은 보통이었습니다.",
            "경비실에 맡겨 주셨는데 연락은 없었어요.",
            "조금 늦었지만 기다릴 만했습니다.",
        ),
        (
            "주문한 다음 날 바로 도착했어요.",
            "포장이 꼼꼼해서 선물로도 좋았습니다.",
            "배송 알림이 정확해서 편했어요.",
            "새벽에 조용히 놓고 가 주셔서 감사합니다.",
            "예상보다 이틀이나 빨리 받았습니다.",
            "기사님이 무거운 상자를 안까지 들여 주셨어요.",
        ),
    ),
    ("ko", "product"): (
        (
            "한 달도 안 돼서 고장이 났습니다.",
            "소음이 심해서 밤에는 쓸 수가 없어요.",
            "설명과 달리 기능이 빠져 있었습니다.",
            "앱 연결이 자꾸 끊겨서 불편해요.",
            "가격에 비해 마감이 아쉽습니다.",
            "필터를 구하기가 너무 어려워요.",
        ),
        (
            "쓸 만하지만 특별한 점은 없어요.",
            "성능은 괜찮은데 조금 무겁습니다.",
            "가격만큼은 하는 것 같아요.",
            "디자인은 예쁜데 조작이 낯섭니다.",
            "설명서가 조금 더 자세했으면 좋겠어요.",
            "기대한 만큼이고 그 이상은 아니었습니다.",
        ),
        (
            "조용하고 성능이 좋아서 매일 쓰고 있어요.",
            "디자인이 예뻐서 거실 분위기가 달라졌습니다.",
            "설치가 쉬워서 혼자서도 금방 했어요.",
            "부모님께도 하나 더 사 드렸습니다.",
            "가격 대비 최고의 제품이에요.",
            "청소가 한결 편해졌습니다.",
        ),
    ),
    ("ko", "payment"): (
        (
            "앱에서 결제가 자꾸 실패합니다.",
            "카드를 세 번이나 다시 입력했어요.",
            "결제 화면이 멈춰서 결국 포기했습니다.",
            "인증 문자가 오지 않아 결제를 못 했어요.",
            "결제 오류가 났는데 이유를 알려 주지 않아요.",
            "두 번 결제된 줄 알고 깜짝 놀랐습니다.",
        ),
        (
            "결제는 됐지만 단계가 너무 많아요.",
            "간편결제 종류가 더 있으면 좋겠습니다.",
            "한 번 실패했다가 다시 하니 됐어요.",
            "쿠폰 적용 방법이 헷갈렸습니다.",
            "결제 화면 글씨가 조금 작아요.",
            "보통의 결제 과정이었습니다.",
        ),
        (
            "결제가 몇 초 만에 끝났어요.",
            "간편결제가 정말 편리합니다.",
            "쿠폰이 자동으로 적용돼서 좋았어요.",
            "저장된 카드로 바로 결제돼서 편했습니다.",
            "결제 과정이 단순하고 명확해요.",
            "영수증이 바로 와서 안심이 됐습니다.",
        ),
    ),
    ("ko", "company"): (
        (
            "예전 같지 않아서 실망이 큽니다.",
            "문제가 생겨도 책임지는 사람이 없어요.",
            "주변에 권하고 싶지는 않습니다.",
            "다른 회사로 옮길 생각이에요.",
            "가격은 오르는데 서비스는 나빠졌습니다.",
            "약속한 날짜를 지킨 적이 없어요.",
        ),
        (
            "나쁘지는 않지만 딱히 추천할 정도는 아니에요.",
            "제품은 좋은데 서비스는 보통입니다.",
            "행사 때만 가끔 이용해요.",
            "조금만 더 신경 써 주시면 좋겠습니다.",
            "다른 곳과 큰 차이는 없는 것 같아요.",
            "앱이 더 빨라지면 자주 쓸 것 같습니다.",
        ),
        (
            "믿고 쓰는 브랜드예요.",
            "친구들에게 늘 추천하고 있습니다.",
            "제품도 서비스도 한결같아서 좋아요.",
            "처음부터 끝까지 만족스러웠습니다.",
            "고객을 생각하는 마음이 느껴져요.",
            "앞으로도 계속 이용할 생각입니다.",
        ),
    ),
    ("en", "support"): (
        (
            "It took far too long to get an answer.",
            "I waited days before anyone replied.",
            "Every agent told me something different.",
            "I had to explain the same problem three times.",
            "All I got was a copy-and-paste reply.",
            "The ticket was closed although nothing was solved.",
        ),
        (
            "Solved in the end, but I had to wait a while.",
            "The agent was friendly, the process was slow.",
            "An average support experience.",
            "The first reply was too short, so I asked again.",
            "More steps than I expected, but it worked out.",
            "I wish it were easier to reach someone by phone.",
        ),
        (
            "The agent was friendly and knew the product well.",
            "My problem was solved right away.",
            "Quick, clear and to the point.",
            "She followed up until everything worked.",
            "Complicated matter, explained in plain words.",
            "They called back exactly when they said they would.",
        ),
    ),
    ("en", "delivery"): (
        (
            "The parcel came a week after the promised date.",
            "The box arrived crushed.",
            "Tracking showed the same status for days.",
            "It was marked as delivered but nothing was there.",
            "I received the wrong colour.",
            "Nobody could tell me where my order was.",
        ),
        (
            "A day late, but the goods were fine.",
            "Ordinary packaging, nothing broken.",
            "A more precise delivery window would help.",
            "Delivery was okay.",
            "Left with a neighbour without a note.",
            "A bit slow, though I was told in advance.",
        ),
        (
            "Arrived the very next day.",
            "Beautifully packed, perfect as a gift.",
            "The delivery updates were spot on.",
            "Two days earlier than expected.",
            "The driver carried the heavy box inside.",
            "Smooth delivery, nothing to complain about.",
        ),
    ),
    ("en", "product"): (
        (
            "It broke within the first month.",
            "Far too loud to use at night.",
            "A feature from the description is missing.",
            "It keeps losing the connection to the app.",
            "Poor finish for this price.",
            "Replacement filters are impossible to find.",
        ),
        (
            "It does the job, nothing special.",
            "Works well but is rather heavy.",
            "You get what you pay for.",
            "Lovely design, odd controls.",
            "The manual could say more.",
            "Exactly what I expected and no more.",
        ),
        (
            "Quiet and powerful, we use it every day.",
            "It looks great in our living room.",
            "Set up in minutes without any help.",
            "I bought a second one for my parents.",
            "Best value for money I have found.",
            "Cleaning has never been this easy.",
        ),
    ),
    ("en", "payment"): (
        (
            "The payment keeps failing in the app.",
            "I had to enter my card three times.",
            "The checkout froze and I gave up.",
            "The verification text never came.",
            "A payment error without any explanation.",
            "I was afraid I had been charged twice.",
        ),
        (
            "It worked, but there are too many steps.",
            "More ways to pay would be nice.",
            "Failed once, went through the second time.",
            "It was not clear how to use my voucher.",
            "The text on the payment page is small.",
            "A normal checkout.",
        ),
        (
            "Paid in a few seconds.",
            "Checkout with the saved card is so convenient.",
            "My voucher was applied by itself.",
            "A simple and clear checkout.",
            "The receipt arrived at once.",
            "The smoothest payment I have seen in a while.",
        ),
    ),
    ("en", "company"): (
        (
            "Not what it used to be, I am disappointed.",
            "Nobody takes responsibility when things go wrong.",
            "I would not recommend this to a friend.",
            "I am about to move to a competitor.",
            "Prices go up while the service gets worse.",
            "They have not kept one promise.",
        ),
        (
            "Not bad, but nothing to rave about.",
            "Good products, average service.",
            "I only buy when there is a sale.",
            "A little more care would go a long way.",
            "Much the same as everyone else.",
            "I would use it more if the app were faster.",
        ),
        (
            "A brand I trust.",
            "I recommend them to all my friends.",
            "Products and service are consistently good.",
            "Great from start to finish.",
            "You can tell they care about their customers.",
            "I will certainly be back.",
        ),
    ),
}
_CLOSINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "ko": (
        (
            "",
            "개선이 필요해 보입니다.",
            "정말 실망했어요.",
            "다시는 이런 일이 없었으면 합니다.",
            "확인 부탁드립니다.",
        ),
        (
            "",
            "조금만 더 개선되면 좋겠어요.",
            "그래도 고맙습니다.",
            "참고해 주세요.",
            "다음에는 더 나아지길 바랍니다.",
        ),
        ("", "감사합니다!", "앞으로도 잘 부탁드려요.", "덕분에 기분이 좋았습니다.", "강력히 추천합니다."),
    ),
    "en": (
        (
            "",
            "Please fix this.",
            "Very disappointing.",
            "This should not happen again.",
            "Please look into it.",
        ),
        (
            "",
            "There is room for improvement.",
            "Thanks anyway.",
            "Just so you know.",
            "Maybe better next time.",
        ),
        ("", "Thank you!", "Keep it up.", "It made my day.", "Highly recommended."),
    ),
}

IDEAS = {
    "ko": (
        "앱에 다크 모드를 추가해 주세요.",
        "정기 구독에 배송일 변경 기능이 있으면 좋겠어요.",
        "매장 재고를 앱에서 볼 수 있게 해 주세요.",
        "필터 교체 시기를 알림으로 알려 주세요.",
    ),
    "en": (
        "Please add a dark mode to the app.",
        "Let me move the delivery date of my subscription.",
        "Show the stock of my store in the app.",
        "Remind me when it is time to change the filter.",
    ),
}


def _build() -> tuple[tuple[str, ...], dict[tuple[int, int, int], tuple[int, int]]]:
    """The pool, and (language, topic, mood) -> (first position, how many)."""
    pool: list[str] = []
    places: dict[tuple[int, int, int], tuple[int, int]] = {}
    for language, code in enumerate(WRITTEN):
        for topic, name in enumerate(TOPICS):
            for mood, sentences in enumerate(_SENTENCES[code, name]):
                texts = [f"{s} {c}".strip() for s in sentences for c in _CLOSINGS[code][mood]]
                places[language, topic, mood] = (len(pool), len(texts))
                pool += texts
    return tuple(pool), places


COMMENTS, _PLACES = _build()
_FIRST = np.array(
    [[[_PLACES[w, t, m][0] for m in range(3)] for t in range(len(TOPICS))] for w in range(len(WRITTEN))],
    dtype=np.int64,
)
_COUNT = _PLACES[0, 0, 0][1]
IDEA_FIRST = len(COMMENTS)
POOL: tuple[str, ...] = (*COMMENTS, *IDEAS["ko"], *IDEAS["en"])
"""Every text; ideas stand behind the comments, Korean first."""


def comment_codes(rng: Rng, writes: Ints, topic: Ints | int, mood: Ints) -> Ints:
    """Positions in POOL of comments on `topic` in the customer's language, in the given mood."""
    codes: Ints = _FIRST[writes, topic, mood] + rng.integers(0, _COUNT, len(writes))
    return codes


def idea_codes(rng: Rng, writes: Ints) -> Ints:
    """Positions in POOL of ideas in the customer's language."""
    return IDEA_FIRST + writes * len(IDEAS["ko"]) + rng.integers(0, len(IDEAS["ko"]), len(writes))


_GIVEN_AWAY = {
    "email": ("메일은 {}입니다.", "My e-mail is {}."),
    "phone": ("연락처는 {}입니다.", "Call me on {}, please."),
    "card": ("결제한 카드는 {}입니다.", "I paid with {}."),
    "resident_number": ("주민번호는 {}입니다.", "My Korean resident number is {}."),
    "ip": ("접속한 IP는 {}입니다.", "My IP address is {}."),
}
_EACH = 24
"""Different identifiers of each shape in a sample, however large it is."""


def _luhn(digits: str) -> str:
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits))]
    return str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


def _resident(front: str, back: str) -> str:
    """A Korean resident registration number with its check digit."""
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    check = (11 - sum(int(d) * w for d, w in zip(front + back, weights, strict=True)) % 11) % 10
    return f"{front}-{back}{check}"


def make_identifiers(rng: Rng) -> tuple[PlantedIdentifier, ...]:
    """Made-up identifiers of every kind, in the shapes people write them; `_EACH` of each shape."""
    made: list[PlantedIdentifier] = []
    for k in range(_EACH):
        a, b, c, d = (int(x) for x in rng.integers(0, 10_000, 4))
        bank = f"{('4929', '5399', '4716')[k % 3]}{a:04d}{b:04d}{c % 1000:03d}"
        card = bank + _luhn(bank)
        birth = f"{70 + k:02d}{1 + a % 12:02d}{1 + b % 28:02d}"
        made += [
            PlantedIdentifier(
                "email",
                f"{('minji', 'seojun', 'emma', 'noah')[k % 4]}.{a:04d}@example.{('com', 'co.kr')[k % 2]}",
            ),
            PlantedIdentifier("phone", f"010-{2000 + a % 8000:04d}-{b:04d}"),
            PlantedIdentifier("phone", f"010{2000 + c % 8000:04d}{d:04d}"),
            PlantedIdentifier("phone", f"+82 10-{2000 + d % 8000:04d}-{c:04d}"),
            PlantedIdentifier("phone", f"+1 212-{200 + a % 700:03d}-{c:04d}"),
            PlantedIdentifier("phone", f"+44 20 7{b % 1000:03d} {d:04d}"),
            PlantedIdentifier("card", " ".join(card[i : i + 4] for i in range(0, 16, 4))),
            PlantedIdentifier("card", "-".join(card[i : i + 4] for i in range(0, 16, 4))),
            PlantedIdentifier("resident_number", _resident(birth, f"{1 + k % 2}{c % 1000:03d}{d % 100:02d}")),
            PlantedIdentifier("ip", f"203.0.113.{1 + (a + k) % 254}"),
            PlantedIdentifier("ip", f"2001:db8::{1 + b:x}:{1 + c:x}"),
        ]
    return tuple(made)


def give_away(identifiers: tuple[PlantedIdentifier, ...]) -> tuple[str, ...]:
    """The sentences that give them away: all in Korean, then all in English."""
    return tuple(
        " " + _GIVEN_AWAY[i.kind][language].format(i.value) for language in range(2) for i in identifiers
    )
