"""The learning rules as their documentation writes them, with whole matrices; weights in, new weights or None out."""

from typing import Any

import numpy as np


class Lms:
    """W += rate * e x^T / (eps + |x|^2), one sample after the other."""

    default_rate = 0.002

    def __init__(self, settings: dict[str, Any]) -> None:
        self.epsilon = settings.get("epsilon", 1.0)

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        if rate == 0:
            return None
        for features, wanted in zip(x, intent, strict=True):
            error = wanted - (w @ features + b)
            w = w + mask * np.outer(rate * error, features) / (self.epsilon + features @ features)
        return w


class RewardGated:
    """The same gradient, summed over the trial with the weights of its beginning, if there was a reward."""

    default_rate = 0.002

    def __init__(self, settings: dict[str, Any]) -> None:
        self.epsilon = settings.get("epsilon", 1.0)

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        if rate == 0 or reward <= 0:
            return None
        errors = intent - (x @ w.T + b)
        return w + rate * mask * (errors.T @ (x / (self.epsilon + (x**2).sum(axis=1))[:, None]))


class Reinforcement:
    """Exploration times surprise; every axis keeps the length of its weights."""

    default_rate = 0.1

    def __init__(self, settings: dict[str, Any]) -> None:
        self.epsilon = settings.get("epsilon", 1.0)
        self.discount = settings.get("discount", 0.995)
        self.keep = settings.get("keep", 0.8)
        self.expected = 0.0

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        obtained = float(reward > 0)
        surprise = obtained - self.expected
        self.expected = self.keep * self.expected + (1 - self.keep) * obtained
        if rate == 0 or surprise == 0:
            return None
        recency = self.discount ** np.arange(len(x) - 1, -1, -1.0)
        eligible = (noise * recency[:, None]).T @ (x / (self.epsilon + (x**2).sum(axis=1))[:, None])
        new = w + rate * surprise * mask * eligible
        before, after = np.linalg.norm(w, axis=1), np.linalg.norm(new, axis=1)
        scale = np.where((before > 0) & (after > 0), before / np.where(after > 0, after, 1), 1)
        return new * scale[:, None]


RULES = {"lms": Lms, "reward_gated": RewardGated, "reinforcement": Reinforcement}
