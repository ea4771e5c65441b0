"""Sum products over units fast and in one fixed order, so that a recorded session replays to the last bit."""

from bmi_app.rt.jit import part


@part
def dot(left, right):
    """Return the sum of products of two vectors, f8[unit].

    Eight partial sums: one sum would wait for each addition before the next could begin.
    """
    n = left.shape[0]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for k in range(n // 8):
        i = 8 * k
        s0 += left[i] * right[i]
        s1 += left[i + 1] * right[i + 1]
        s2 += left[i + 2] * right[i + 2]
        s3 += left[i + 3] * right[i + 3]
        s4 += left[i + 4] * right[i + 4]
        s5 += left[i + 5] * right[i + 5]
        s6 += left[i + 6] * right[i + 6]
        s7 += left[i + 7] * right[i + 7]
    total = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for i in range(n - n % 8, n):
        total += left[i] * right[i]
    return total
