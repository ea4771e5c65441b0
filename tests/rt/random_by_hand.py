"""The random numbers of a session, in Python's own integers: SplitMix64's finalizer, uniform, Box and Muller."""

import math

_WORD = (1 << 64) - 1


def mix(word: int) -> int:
    z = (word + 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)


def key(seed: int, stream: int, index: int) -> int:
    return mix(mix(mix(seed) ^ stream) ^ index)


def uniform(key_: int, lane: int) -> float:
    return (mix(key_ ^ (lane * 0xD1342543DE82EF95 & _WORD)) >> 11) / 2**53


def normal(key_: int, lane: int) -> float:
    radius = math.sqrt(-2 * math.log(1 - uniform(key_, 2 * lane)))
    return radius * math.cos(2 * math.pi * uniform(key_, 2 * lane + 1))
