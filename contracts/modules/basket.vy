# SPDX-License-Identifier: AGPL-3.0-only
# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Basket
@license AGPL-3.0-only
@notice What an index is made of, packed into the code of a data contract: one cold account read instead of a cold
        slot per component.
@dev The data contract answers any call with its whole content, an ABI-encoded DynArray of words:

         [0]            terms: growth_0 128 | since 40 | count 8 | streaming fee 16 | mint fee 16 | redeem fee 16
                               | any rebasing 1 | generation 31
         [1 .. n]       component: mantissa 80 | exponent 8 | flags 8 | token 160
         [n + 1]        oracle address
         [n + 2 ..]     pricing, eight 32-bit lanes a word: 0 8 | token decimals 8 | feed decimals 8 | feed index 8

     Places are given once: a component added is appended. When components leave, all places are given anew and the
     generation grows, which is how what is kept by place (modules/keeper_float.vy) is never read as another token's.

     A component's unit is mantissa / 10**exponent {tok/base}: 24 decimal digits, exact for what a person writes, and
     a decimal exponent so that 0 and 27 decimals keep the same precision. All of it is immutable once written; a
     change of terms or units writes a new data contract.
"""

from contracts.modules import checks
from contracts.modules import constants as c
from contracts.modules import fixed_point

MAX_COMPONENTS: constant(uint256) = c.MAX_COMPONENTS
MAX_BODY: constant(uint256) = 38              # 1 + 32 + 1 + 32 / 8
MAX_BASE: constant(uint256) = 2**112          # {base}; base * mantissa fits a word with 64 bits to spare

MAX_MINT_FEE_BPS: constant(uint256) = 500
MAX_REDEEM_FEE_BPS: constant(uint256) = 500
MAX_STREAMING_FEE_BPS: constant(uint256) = 1_000    # a year
MAX_FEED: constant(uint256) = 2**8 - 1        # what a pricing lane holds

ANY_REBASING: constant(uint256) = 1 << 31     # in the terms: some component has the flag that follows
REBASING: constant(uint256) = 1 << 160        # flag of a component: its balance is checked in each operation
CUT: constant(uint256) = 1 << 161             # flag of a component: it has shared a loss

TOKEN_MASK: constant(uint256) = 2**160 - 1
EXPONENT_AT: constant(uint256) = 168

_UNIT_EXPONENT: constant(uint256) = 36        # a unit is D18{tok/share} of 1e18-wei shares
_MAX_EXPONENT: constant(uint256) = 77         # 10**77 fits a word
_MAX_BODY_BYTES: constant(uint256) = 32 * (2 + MAX_BODY)
_MASK_8: constant(uint256) = 2**8 - 1
_MASK_16: constant(uint256) = 2**16 - 1
_MASK_40: constant(uint256) = 2**40 - 1
_MASK_128: constant(uint256) = 2**128 - 1

# Twice the same eleven bytes: "return what follows me". The first runs at creation and returns the second with the
# body; the second is the data contract's code and returns the body to whoever calls.
_PRELUDE: constant(Bytes[22]) = x"600b380380600b5f395ff3600b380380600b5f395ff3"

struct Terms:
    growth_0: uint256             # D18{share/base} at `since`
    since: uint256                # {s}
    count: uint256                # components
    streaming_fee_bps: uint256    # {bps/year}
    mint_fee_bps: uint256
    redeem_fee_bps: uint256
    generation: uint256           # of the places


@internal
def _store(body: DynArray[uint256, MAX_BODY]) -> address:
    """
    @notice Write a data contract.
    """
    return raw_create(concat(_PRELUDE, abi_encode(body)))


@internal
@view
def _load(data: address) -> DynArray[uint256, MAX_BODY]:
    """
    @notice The content of a data contract.
    """
    raw: Bytes[_MAX_BODY_BYTES] = raw_call(data, b"", max_outsize=_MAX_BODY_BYTES, is_static_call=True)
    return abi_decode(raw, DynArray[uint256, MAX_BODY])


@internal
@pure
def _pack_terms(t: Terms) -> uint256:
    """
    @dev The caps of the fees hold here, for whoever writes terms.
    """
    checks._that(t.mint_fee_bps <= MAX_MINT_FEE_BPS, "basket: mint fee too high")
    checks._that(t.redeem_fee_bps <= MAX_REDEEM_FEE_BPS, "basket: redeem fee too high")
    checks._that(t.streaming_fee_bps <= MAX_STREAMING_FEE_BPS, "basket: streaming fee too high")
    checks._that(t.growth_0 <= _MASK_128, "basket: growth too large")
    return (
        (t.growth_0 << 128) | (t.since << 88) | (t.count << 80)
        | (t.streaming_fee_bps << 64) | (t.mint_fee_bps << 48) | (t.redeem_fee_bps << 32) | t.generation
    )


@internal
@pure
def _unpack_terms(word: uint256) -> Terms:
    return Terms(
        growth_0=word >> 128,
        since=(word >> 88) & _MASK_40,
        count=(word >> 80) & _MASK_8,
        streaming_fee_bps=(word >> 64) & _MASK_16,
        mint_fee_bps=(word >> 48) & _MASK_16,
        redeem_fee_bps=(word >> 32) & _MASK_16,
        generation=word & (ANY_REBASING - 1),
    )


@internal
@pure
def _pack_component(token: address, unit: uint256) -> uint256:
    """
    @param unit D18{tok/share}; not zero; reverts when it has more significant decimal digits than the mantissa holds
    """
    checks._that(unit != 0, "basket: unit is zero")
    mantissa: uint256 = unit
    exponent: uint256 = _UNIT_EXPONENT
    for _: uint256 in range(_UNIT_EXPONENT):
        if mantissa < 2**80:
            break
        checks._that(mantissa % 10 == 0, "basket: unit has too many digits")
        mantissa //= 10    # exact: checked above
        exponent -= 1
    checks._that(mantissa < 2**80, "basket: unit too large")
    return (mantissa << 176) | (exponent << 168) | convert(token, uint256)


@internal
@pure
def _token(word: uint256) -> address:
    return convert(word & TOKEN_MASK, address)


@internal
@pure
def _exponent(word: uint256) -> uint256:
    return (word >> 168) & _MASK_8


@internal
@pure
def _mantissa(word: uint256) -> uint256:
    return word >> 176


@internal
@pure
def _with_mantissa(word: uint256, mantissa: uint256) -> uint256:
    """
    @param mantissa below 2**80
    """
    return (mantissa << 176) | (word & (2**176 - 1))


@internal
@pure
def _with_wide_mantissa(word: uint256, mantissa: uint256) -> uint256:
    """
    @notice The component with a mantissa of its exponent that may need more than 80 bits: as many digits are kept as fit,
            rounded down.
    """
    fitting: uint256 = mantissa
    exponent: uint256 = self._exponent(word)
    # Eight digits at a time, then one: the dust stays with the vault.
    for _: uint256 in range(_MAX_EXPONENT):
        if fitting < 2**80 * 10**8:
            break
        fitting //= 10**8
        exponent -= 8
    for _: uint256 in range(8):
        if fitting < 2**80:
            break
        fitting //= 10
        exponent -= 1
    return (fitting << 176) | (exponent << 168) | (word & (2**168 - 1))


@internal
@pure
def _check_length(given: uint256, count: uint256):
    assert given == count, "vault: wrong number of amounts"


@internal
@pure
def _find(body: DynArray[uint256, MAX_BODY], count: uint256, token: address) -> uint256:
    """
    @notice Where in the body a token stands; 0: nowhere.
    """
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        if self._token(body[i + 1]) == token:
            return i + 1
    return 0


@internal
@pure
def _rebuilt(
    body: DynArray[uint256, MAX_BODY],
    terms: Terms,
    words: DynArray[uint256, MAX_COMPONENTS],
    lanes: DynArray[uint256, MAX_COMPONENTS],
) -> DynArray[uint256, MAX_BODY]:
    """
    @notice A body of other components.
    @param body the old one; only its oracle is kept
    @param terms the new ones, but for their count
    @param words the components
    @param lanes the pricing of each
    """
    counted: Terms = terms
    counted.count = len(words)
    rebuilt: DynArray[uint256, MAX_BODY] = [self._pack_terms(counted)]
    packed: uint256[4] = empty(uint256[4])
    for i: uint256 in range(len(words), bound=MAX_COMPONENTS):
        rebuilt.append(words[i])
        packed[i // 8] |= lanes[i] << (32 * (i % 8))
    rebuilt[0] = self._with_rebasing_mark(rebuilt, len(words))
    rebuilt.append(convert(self._oracle(body, self._unpack_terms(body[0]).count), uint256))
    for i: uint256 in range((len(words) + 7) // 8, bound=4):
        rebuilt.append(packed[i])
    return rebuilt


@internal
@pure
def _with_rebasing_mark(body: DynArray[uint256, MAX_BODY], count: uint256) -> uint256:
    """
    @notice The terms, marked if and only if some component is declared rebasing.
    """
    flags: uint256 = 0
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        flags = flags | body[i + 1]
    if flags & REBASING != 0:
        return body[0] | ANY_REBASING
    return body[0] & ~ANY_REBASING


@internal
@pure
def _unit(word: uint256) -> uint256:
    """
    @return D18{tok/base}, rounded down
    """
    exponent: uint256 = self._exponent(word)
    if exponent > _UNIT_EXPONENT:
        return (word >> 176) // 10 ** (exponent - _UNIT_EXPONENT)
    return (word >> 176) * 10 ** (_UNIT_EXPONENT - exponent)


@internal
@pure
def _cut(word: uint256, ratio: uint256) -> uint256:
    """
    @notice The component after a loss: its unit times ratio, rounded down at the 24th digit.
    @param ratio D18{1}, at most 1
    """
    mantissa: uint256 = (word >> 176) * ratio
    if mantissa == 0:
        # Nothing to be rounded: with more digits at each loss, a target would soon not fit a word in them.
        return self._with_mantissa(word, 0) | CUT
    exponent: uint256 = self._exponent(word) + 18
    for _: uint256 in range(_MAX_EXPONENT):
        if mantissa < 2**80 and exponent <= _MAX_EXPONENT:
            break
        mantissa //= 10    # the dust stays with the vault
        exponent -= 1
    return (mantissa << 176) | (exponent << 168) | (word & (2**168 - 1)) | CUT


@internal
@pure
def _amount_down(base: uint256, word: uint256) -> uint256:
    """
    @notice {tok} behind `base` < MAX_BASE, rounded down: when paying out.
    """
    return unsafe_div(unsafe_mul(base, word >> 176), 10 ** self._exponent(word))


@internal
@pure
def _amount_up(base: uint256, word: uint256) -> uint256:
    """
    @notice {tok} behind `base` < MAX_BASE, rounded up: when charging.
    """
    divisor: uint256 = 10 ** self._exponent(word)
    return unsafe_div(unsafe_add(unsafe_mul(base, word >> 176), divisor - 1), divisor)


@internal
@pure
def _pack_pricing(feed: uint256, feed_decimals: uint256, token_decimals: uint256) -> uint256:
    """
    @notice One 32-bit lane; each argument is below 256.
    """
    return feed | (feed_decimals << 8) | (token_decimals << 16)


@internal
@pure
def _pricing(body: DynArray[uint256, MAX_BODY], count: uint256, i: uint256) -> uint256:
    """
    @notice The pricing lane of component i.
    """
    return (body[count + 2 + i // 8] >> (32 * (i % 8))) & (2**32 - 1)


@internal
@pure
def _feed(lane: uint256) -> uint256:
    return lane & _MASK_8


@internal
@pure
def _scale(lane: uint256) -> uint256:
    """
    @return {1} decimals of price times amount: the feed's and the token's
    """
    return ((lane >> 8) & _MASK_8) + ((lane >> 16) & _MASK_8)


@internal
@pure
def _oracle(body: DynArray[uint256, MAX_BODY], count: uint256) -> address:
    return convert(body[count + 1], address)


@internal
@pure
def _feeds(body: DynArray[uint256, MAX_BODY], count: uint256) -> DynArray[uint256, MAX_COMPONENTS]:
    """
    @notice The feed index of each component.
    """
    feeds: DynArray[uint256, MAX_COMPONENTS] = []
    for i: uint256 in range(count, bound=MAX_COMPONENTS):
        feeds.append(self._feed(self._pricing(body, count, i)))
    return feeds


@internal
@pure
def _value(word: uint256, lane: uint256, price: uint256) -> uint256:
    """
    @notice What a component is worth.
    @param price in the feed's decimals
    @return D18{currency/base}, rounded down
    """
    product: uint256 = price * (word >> 176)      # < 2**63 * 2**80
    scale: uint256 = self._exponent(word) + self._scale(lane)
    # mantissa / 10**exponent is per wei of base, so 18 + 18 decimals are to be made up.
    if scale >= 36:
        return product // 10 ** (scale - 36)
    return product * 10 ** (36 - scale)
