"""The learning rules as their documentation writes them, with whole matrices; weights in, new weights or None out."""

from typing import Any

import numpy as np


def powers(settings: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """Return by what the gradient of each sample is divided, f8[t]."""
    if not settings.get("normalised", True):
        return np.ones(len(x))
    return settings.get("epsilon", 1.0) + (x**2).sum(axis=1)


class Lms:
    """W += rate * e x^T / (eps + |x|^2), one sample after the other."""

    at_rest = False
    in_order = True
    default_rate = 0.002

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        if rate == 0:
            return None
        for features, wanted, power in zip(x, intent, powers(self.settings, x), strict=True):
            error = wanted - (w @ features + b)
            w = w + mask * np.outer(rate * error, features) / power
        return w


class RewardGated:
    """The same gradient, summed over the trial with the weights of its beginning, if there was a reward."""

    at_rest = False
    in_order = False
    default_rate = 0.002

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        if rate == 0 or reward <= 0:
            return None
        errors = intent - (x @ w.T + b)
        return w + rate * mask * (errors.T @ (x / powers(self.settings, x)[:, None]))


class Reinforcement:
    """Exploration times surprise; every axis keeps the length of its weights."""

    at_rest = False
    in_order = False
    default_rate = 0.1

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
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
        eligible = (noise * recency[:, None]).T @ (x / powers(self.settings, x)[:, None])
        step = rate * surprise * mask * eligible
        before, longest = np.linalg.norm(w, axis=1), np.linalg.norm(step, axis=1)
        allowed = np.where(before > 0, 0.4 * before, np.inf)
        new = w + step * np.minimum(1, allowed / np.where(longest > 0, longest, 1))[:, None]
        after = np.linalg.norm(new, axis=1)
        scale = np.where((before > 0) & (after > 0), before / np.where(after > 0, after, 1), 1)
        return new * scale[:, None]


class Regression:
    """The weights that minimise the squared error of all samples so far, each faded, and the distance to the first.

    Works with the information matrix A, the inverse of the rule's P; at rate 1, on weights that nobody else changes.
    """

    at_rest = False
    in_order = True
    default_rate = 1.0

    def __init__(self, settings: dict[str, Any]) -> None:
        self.forgetting = settings.get("forgetting", 1.0)
        self.ridge = settings.get("ridge", 1e4)
        self.first: np.ndarray | None = None

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        if rate == 0 or len(x) == 0:
            return None
        if self.first is None:
            self.first = w
            self.squares = [self.ridge * np.eye(w.shape[1]) for _ in w]
            self.products = [self.ridge * row for row in w]
        new = w.copy()
        for a, used in enumerate(mask != 0):
            for features, wanted in zip(x, intent[:, a] - b[a], strict=True):
                if not features[used].any():
                    continue
                self.fade(a, used)
                self.squares[a] += np.outer(features, features)
                self.products[a] += wanted * features
            new[a, used] = np.linalg.solve(self.squares[a][np.ix_(used, used)], self.products[a][used])
        return new

    def fade(self, a, used):
        known = self.squares[a][np.ix_(used, used)]
        fades = np.diag(np.linalg.inv(known)) <= self.forgetting / self.ridge
        keep = np.where(fades, np.sqrt(self.forgetting), 1.0)
        faded = known * np.outer(keep, keep)
        self.products[a][used] = faded @ np.linalg.solve(known, self.products[a][used])
        self.squares[a][np.ix_(used, used)] = faded


class Batched:
    """The mean gradient of whole stored trials, one after the other."""

    at_rest = True
    in_order = False
    default_rate = 0.02

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.n_trials, self.n_samples = settings.get("trials", 32), settings.get("samples", 64)
        self.replays = settings.get("replays", 4), settings.get("replays_awake", 4)
        self.trials: list[tuple[np.ndarray, np.ndarray]] = []
        self.n_stored = self.next = 0

    def store(self, x, intent):
        newest = (self.n_stored - 1) % self.n_trials
        if len(x) == 1 and self.trials and len(self.trials[newest][0]) < self.n_samples:
            old_x, old_intent = self.trials[newest]
            self.trials[newest] = np.vstack([old_x, x]), np.vstack([old_intent, intent])
            return
        n_kept = min(len(x), self.n_samples)
        kept = [i * len(x) // n_kept for i in range(n_kept)]
        place = self.n_stored % self.n_trials
        self.trials[place : place + 1] = [(x[kept], intent[kept])]
        self.n_stored += 1

    def learn(self, w, b, mask, x, intent, noise, rate, reward):
        if rate == 0:
            return None
        if len(x):
            self.store(x, intent)
        replays = self.replays[1 if len(x) else 0]
        if not replays or not self.trials:
            return None
        for _ in range(replays):
            k = self.next % len(self.trials)
            self.next = k + 1
            seen, wanted = self.trials[k]
            errors = (wanted - (seen @ w.T + b)) / powers(self.settings, seen)[:, None]
            w = w + rate * mask * (errors.T @ seen) / len(seen)
        return w


RULES = {
    "lms": Lms,
    "reward_gated": RewardGated,
    "reinforcement": Reinforcement,
    "regression": Regression,
    "batched": Batched,
}
