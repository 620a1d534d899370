"""Who came back after the first solve, and when.  Called by `tickets`."""

from __future__ import annotations

import numpy as np

from benchmarks.in_pandas.arrays import last_within, starts_of
from benchmarks.in_pandas.dimensions import Values
from benchmarks.in_pandas.landed import NEVER, Array, codes_in, is_one_of
from benchmarks.in_pandas.moments import Moments

_LATE = 2**62


def came_back(values: Values, moments: Moments) -> tuple[Array, Array]:
    """By ticket: when it was first followed up, and when its customer next asked about the same."""
    tickets, spine = values.tickets, values.spine
    rows, solved = tickets.rows, np.flatnonzero(moments.first_solve >= 0)
    row = moments.first_solve[solved]
    moment = spine.moment[row]
    created = tickets.moments("created_at")
    is_contact = ~tickets.is_left_out & (created <= values.as_of)

    follow_up = np.full(len(spine.first), _LATE)
    number = np.cumsum(tickets.counts) - 1
    solve = np.full(len(spine.first), _LATE)
    solve[solved] = moment
    sources = codes_in(tickets.sources, rows["source"])
    parent = tickets.numbers_of(codes_in(tickets.ids, rows["parent_ticket_id"]), sources)
    after = np.flatnonzero(is_contact & (parent >= 0) & tickets.counts[parent])
    of = number[parent[after]]
    is_later = created[after] > solve[of]
    np.minimum.at(follow_up, of[is_later], created[after][is_later])

    # by the keys that tickets tell: some customers have no row of their own
    customer = rows["customer_key"].cat.codes.to_numpy().astype(np.int64)
    direction = rows["direction"]
    is_inbound = is_one_of(direction, "inbound") | direction.isna().to_numpy()
    category = codes_in(values.names.category, rows["category"])
    asked = np.flatnonzero(is_contact & is_inbound & (customer >= 0))
    who, about = customer[tickets.counts][solved], values.codes("category", row)

    def next_contact(group: Array, wanted: Array, rows: Array) -> Array:
        """The next contact of the wanted group after each solve."""
        found = np.full(len(wanted), _LATE)
        if not len(rows):
            return found
        order = np.lexsort((created[rows], group))
        group, times = group[order], created[rows][order]
        at = np.flatnonzero(starts_of(group))
        names, ends = group[at], np.append(at[1:], len(group))
        place = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
        known = names[place] == wanted
        first, end = np.where(known, at[place], 0), np.where(known, ends[place], 0)
        last = last_within(times, first, end, moment)
        following = np.where(last >= 0, last + 1, first)
        return np.where(following < end, times[np.minimum(following, len(times) - 1)], found)

    width = len(values.names.category) + 1
    unsorted = asked[category[asked] < 0]
    any_contact = next_contact(customer[asked], who, asked)
    alike = next_contact(
        customer[asked] * width + category[asked] + 1, np.where(who >= 0, who * width + about + 1, -1), asked
    )
    without = next_contact(customer[unsorted], who, unsorted)
    contact = np.full(len(spine.first), _LATE)
    contact[solved] = np.where(about < 0, any_contact, np.minimum(alike, without))
    return np.where(follow_up == _LATE, NEVER, follow_up), np.where(contact == _LATE, NEVER, contact)
