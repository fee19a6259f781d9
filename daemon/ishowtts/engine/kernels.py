"""Triton kernels of ops_triton.py: one pass over the memory each, fp32 inside.

None is specialised on the number of frames, so none is compiled at request time; lengths are read on the device, so a
CUDA graph of a bucket serves every length in it. Capitals are compile-time constants.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def norm_kernel(
    x_ptr, h_ptr, gate_ptr, scale_ptr, shift_ptr, sum_ptr, out_ptr, d, eps,
    ADD: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """One row a program: out = LayerNorm(x [+ gate * h]) * scale + shift; the sum is stored too."""
    row = tl.program_id(0).to(tl.int64) * d
    at = tl.arange(0, D)
    inside = at < d
    scale = tl.load(scale_ptr + at, mask=inside, other=0.0).to(tl.float32)
    shift = tl.load(shift_ptr + at, mask=inside, other=0.0).to(tl.float32)
    x = tl.load(x_ptr + row + at, mask=inside, other=0.0).to(tl.float32)
    if ADD:
        h = tl.load(h_ptr + row + at, mask=inside, other=0.0).to(tl.float32)
        x += tl.load(gate_ptr + at, mask=inside, other=0.0).to(tl.float32) * h
        tl.store(sum_ptr + row + at, x, mask=inside)
    mean = tl.sum(x, 0) / d
    centred = tl.where(inside, x - mean, 0.0)
    inverse = tl.rsqrt(tl.sum(centred * centred, 0) / d + eps)
    tl.store(out_ptr + row + at, centred * inverse * scale + shift, mask=inside)


@triton.jit(do_not_specialize=["n"])
def ready_kernel(
    qkv_ptr, turns_ptr, q_weight_ptr, k_weight_ptr, n, q_scale, eps,
    NORM: tl.constexpr, H: tl.constexpr, W: tl.constexpr, HEADS: tl.constexpr, TURNING: tl.constexpr,
):  # fmt: skip
    """One frame's queries and keys a program, in place: RMS norm (where the model has one), the rotation, the scale.

    Not in the attention kernel: what is computed there is held in registers, and the product starts late (33 -> 48 us).
    """
    row = tl.program_id(0).to(tl.int64)
    head, at = tl.arange(0, HEADS)[:, None], tl.arange(0, W)[None]  # the queries' heads, then the keys'
    inside = head < 2 * H
    turned = head % H if TURNING else tl.zeros((1, 1), tl.int32)
    turn = tl.load(turns_ptr + ((row % n) * (H if TURNING else 1) + turned) * W + at)
    where = qkv_ptr + row * 3 * H * W + head * W + at
    x = tl.load(where, mask=inside, other=0.0).to(tl.float32)
    if NORM:
        weight = tl.where(
            head < H, tl.load(q_weight_ptr + at).to(tl.float32), tl.load(k_weight_ptr + at).to(tl.float32)
        )
        x *= tl.rsqrt(tl.sum(x * x, 1)[:, None] / W + eps) * weight
    x *= tl.where(head < H, q_scale, 1.0)
    even, odd = tl.split(tl.reshape(x, (HEADS, W // 2, 2)))
    cos, sin = tl.split(tl.reshape(turn, (HEADS if TURNING else 1, W // 2, 2)))
    result = tl.reshape(tl.join(even * cos - odd * sin, odd * cos + even * sin), (HEADS, W))
    tl.store(where, result, mask=inside)


@triton.jit
def attend_block(acc, peak, total, q, k_ptr, v_ptr, keys, length, stride, MASK: tl.constexpr):
    if MASK:
        inside = keys < length
        k = tl.load(k_ptr + keys[None, :] * stride, mask=inside[None, :], other=0.0)
        v = tl.load(v_ptr + keys[:, None] * stride, mask=inside[:, None], other=0.0)
        scores = tl.where(inside[None, :], tl.dot(q, k), float("-inf"))
    else:
        k = tl.load(k_ptr + keys[None, :] * stride)
        v = tl.load(v_ptr + keys[:, None] * stride)
        scores = tl.dot(q, k)
    higher = tl.maximum(peak, tl.max(scores, 1))
    p = tl.math.exp2(scores - higher[:, None])
    fade = tl.math.exp2(peak - higher)
    acc = tl.dot(p.to(v.dtype), v, acc * fade[:, None])
    return acc, higher, total * fade + tl.sum(p, 1)


@triton.jit
def attend_keys(
    q, k_ptr, v_ptr, begin, end, stride, M: tl.constexpr, W: tl.constexpr, N: tl.constexpr, STAGES: tl.constexpr
):
    """M queries over the keys from ``begin`` to ``end``: sum of values, highest score and sum of weights of each."""
    acc = tl.zeros((M, W), tl.float32)
    peak = tl.full((M,), float("-inf"), tl.float32)
    total = tl.zeros((M,), tl.float32)
    whole = begin + (end - begin) // N * N
    for start in tl.range(begin, whole, N, num_stages=STAGES):
        keys = start + tl.arange(0, N)
        acc, peak, total = attend_block(acc, peak, total, q, k_ptr, v_ptr, keys, end, stride, False)
    if whole < end:
        keys = whole + tl.arange(0, N)
        acc, peak, total = attend_block(acc, peak, total, q, k_ptr, v_ptr, keys, end, stride, True)
    return acc, peak, total


@triton.jit
def keep_part(acc, peak, total, to_ptr, M: tl.constexpr, W: tl.constexpr):
    """What ``attend_keys`` made of some of the keys, fp32: M peaks, M totals, then M rows of W."""
    query = tl.arange(0, M)
    tl.store(to_ptr + query, peak)
    tl.store(to_ptr + M + query, total)
    tl.store(to_ptr + 2 * M + query[:, None] * W + tl.arange(0, W)[None], acc)


@triton.jit
def add_parts(from_ptr, M: tl.constexpr, W: tl.constexpr, PARTS: tl.constexpr):
    """What PARTS programs have kept, one after the other, as one: sum of values and sum of weights."""
    query = tl.arange(0, M)
    acc = tl.zeros((M, W), tl.float32)
    peak = tl.full((M,), float("-inf"), tl.float32)
    total = tl.zeros((M,), tl.float32)
    for _ in range(PARTS):
        other = tl.load(from_ptr + query)
        higher = tl.maximum(peak, other)
        fade, weight = tl.math.exp2(peak - higher), tl.math.exp2(other - higher)
        total = total * fade + tl.load(from_ptr + M + query) * weight
        part = tl.load(from_ptr + 2 * M + query[:, None] * W + tl.arange(0, W)[None])
        acc = acc * fade[:, None] + part * weight[:, None]
        peak = higher
        from_ptr += M * (W + 2)
    return acc, total


@triton.jit(do_not_specialize=["n", "tiles", "heads"])
def attention_kernel(
    qkv_ptr, lengths_ptr, out_ptr, sums_ptr, arrived_ptr, n, tiles, heads,
    H: tl.constexpr, W: tl.constexpr, M: tl.constexpr, N: tl.constexpr, STAGES: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """FlashAttention-2 (arXiv 2307.08691), forward, over the readied projection [b, n, 3, H, W]; scores are in log2.

    A program makes a tile, M queries of one head. With PARTS > 1 the last tile of each head is shared by so many
    programs, each with a part of the keys; they come last. The last of them to arrive adds the parts up, in order, so
    that the result does not depend on who it is.
    """
    number, own = tl.program_id(0), tiles - (PARTS > 1)
    over = number - own * heads  # not below zero: one of those that share
    tile = tl.where(over < 0, number % own, own)
    slot = tl.where(over < 0, number // own, over // PARTS)
    part = tl.where(over < 0, 0, over % PARTS)
    row, head = (slot // H).to(tl.int64), slot % H
    length = tl.load(lengths_ptr + row)
    stride = 3 * H * W
    first = tile * M
    at, queries = tl.arange(0, W), first + tl.arange(0, M)
    base = qkv_ptr + row * n * stride + head * W
    out = out_ptr + ((row * n + queries[:, None]) * H + head) * W + at[None]
    if first >= length:
        tl.store(out, tl.zeros((M, W), out_ptr.dtype.element_ty), mask=queries[:, None] < n)
    else:
        q = tl.load(base + queries[:, None] * stride + at[None], mask=queries[:, None] < length, other=0.0)
        k_ptr, v_ptr = base + H * W + at[:, None], base + 2 * H * W + at[None]
        share = tl.where(over < 0, length, tl.cdiv(tl.cdiv(length, PARTS), N) * N)
        begin = tl.minimum(part * share, length)
        end = tl.minimum(begin + share, length)
        acc, peak, total = attend_keys(q, k_ptr, v_ptr, begin, end, stride, M, W, N, STAGES)
        if (PARTS == 1) | (over < 0):
            tl.store(out, acc / total[:, None], mask=queries[:, None] < n)
        else:
            keep_part(acc, peak, total, sums_ptr + (slot * PARTS + part) * M * (W + 2), M, W)
            tl.debug_barrier()
            if tl.atomic_add(arrived_ptr + slot, 1) == PARTS - 1:
                tl.debug_barrier()
                acc, total = add_parts(sums_ptr + slot * PARTS * M * (W + 2), M, W, PARTS)
                tl.store(out, acc / total[:, None], mask=queries[:, None] < n)
                tl.store(arrived_ptr + slot, 0)


@triton.jit(do_not_specialize=["n"])
def conv_kernel(
    x_ptr, weight_ptr, bias_ptr, lengths_ptr, out_ptr, n, d,
    TAPS: tl.constexpr, W: tl.constexpr, PADDED: tl.constexpr, M: tl.constexpr,
):  # fmt: skip
    """A block of M frames of one group, W channels wide: one small product for each tap; then mish."""
    first, group, row = tl.program_id(0) * M, tl.program_id(1), tl.program_id(2).to(tl.int64)
    length = tl.load(lengths_ptr + row)
    frames, at = first + tl.arange(0, M), tl.arange(0, PADDED)
    channel = at < W
    x_ptr += row * n * d + group * W
    weight_ptr += group * TAPS * W * W
    acc = tl.zeros((M, PADDED), tl.float32)
    for tap in tl.range(0, TAPS):
        seen = frames + tap - TAPS // 2
        inside = ((seen >= 0) & (seen < length))[:, None] & channel[None]
        x = tl.load(x_ptr + seen[:, None] * d + at[None], mask=inside, other=0.0)
        w = tl.load(
            weight_ptr + tap * W * W + at[:, None] * W + at[None], mask=channel[:, None] & channel[None], other=0.0
        )
        acc = tl.dot(x, w, acc)
    acc += tl.load(bias_ptr + group * W + at, mask=channel, other=0.0).to(tl.float32)[None]
    e = tl.exp(tl.minimum(acc, 20.0))  # mish(x) = x tanh(ln(1 + e^x)); beyond 20 that is x
    e = e * (e + 2.0)
    out = tl.where(frames[:, None] < length, acc * (e / (e + 2.0)), 0.0)
    where = out_ptr + row * n * d + group * W + frames[:, None] * d + at[None]
    tl.store(where, out, mask=(frames[:, None] < n) & channel[None])


@triton.jit(do_not_specialize=["size"])
def advance_kernel(y_ptr, v_ptr, dt_ptr, cfg_ptr, size, GUIDED: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    v = tl.load(v_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if GUIDED:
        v += (v - tl.load(v_ptr + size + at, mask=inside, other=0.0).to(tl.float32)) * tl.load(cfg_ptr)
    y = tl.load(y_ptr + at, mask=inside, other=0.0)
    tl.store(y_ptr + at, y + tl.load(dt_ptr) * v, mask=inside)
