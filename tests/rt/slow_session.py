"""A session in slow, plain Python and numpy, written from what the documentation says: the judge of the kernels."""

import math
from typing import Any

import numpy as np

from bmi_app.rt.records import BlockKind, CommandKind, Flag, Outcome, StopReason, TaskState
from protocols.schema import Protocol
from tests.rt import random_by_hand as rnd
from tests.rt import slow_cursor
from tests.rt.slow_hand_over import SlowHandOver
from tests.rt.slow_rules import RULES

# Numbers of the random streams, as `bmi_app.rt.random` lists them.
TARGET_ORDER, TARGET_PLACE, REWARD, EXPLORATION = 1, 2, 3, 4

S, O = TaskState, Outcome  # noqa: E741
IN_TRIAL = (S.MOVE, S.HOLD)
BY_HAND = ("arm", "isometric", "drawing")


class SlowSession:
    """One session; `tick` makes a tick and returns what its frame must say."""

    def __init__(self, protocol: Protocol) -> None:
        self.p, self.dt_s = protocol, protocol.tick.period_ms / 1e3
        populations = protocol.population_indices()
        axes = [axis for _, axis in protocol.axes.items()]
        self.n_axes, n_units = len(axes), protocol.units.count
        self.gain = np.array([axis.gain for axis in axes])
        self.signs = {name: np.zeros(self.n_axes) for name in populations}
        for a, axis in enumerate(axes):
            for key, name in axis.populations.items():
                self.signs[name][a] = -1.0 if key == "pull" else 1.0
        self.weights, self.bias = np.zeros((self.n_axes, n_units)), np.zeros(self.n_axes)
        for name, units in populations.items():
            self.weights[:, list(units)] = self.signs[name][:, None]
        self.mask = self.weights != 0
        self.population = {unit: k for k, units in enumerate(populations.values()) for unit in units}
        self.acted: list[bool] = []  # of each command
        self.m1 = np.array(protocol.decoder.settings.get("m1") or np.zeros((self.n_axes, self.n_axes)), float)
        self.previous = np.zeros(self.n_axes)
        self.rates, self.window = np.zeros(n_units), []  # type: ignore[var-annotated]
        self.x, self.baseline, self.rest_counts = np.zeros(n_units), np.zeros(n_units), []  # type: ignore[var-annotated]
        self.rule = RULES[protocol.learning.rule](protocol.learning.settings)
        self.rate = self.rule.default_rate if protocol.learning.rate is None else protocol.learning.rate
        self.noise, self.cursor, self.target_cm = np.zeros(self.n_axes), np.zeros(2), np.zeros(2)
        self.now, self.hand_before = -1, np.full(2, math.nan)
        self.was_lost, self.fed = False, (np.zeros(2), -2)
        self.state, self.state_ticks, self.stop = S.IDLE, 0, StopReason.NONE
        self.block = self.block_before = self.trial = self.target = -1
        self.block_ticks = self.block_trials = self.trial_ticks = self.trials_done = 0
        self.paused = self.skip = self.next_block = self.entered = False
        self.learning_on, self.assist_override = True, -1.0
        self.samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.hand_over = SlowHandOver(protocol, self.rule.in_order)

    def _ticks(self, duration_ms: float) -> int:
        return round(duration_ms / self.p.tick.period_ms)

    def tick(
        self,
        counts: np.ndarray,
        lost: bool,
        commands: list[tuple[CommandKind, int, int, float]],
        hand_cm: tuple[float, float] = (math.nan, math.nan),
    ) -> dict[str, Any]:
        self.now += 1
        self.hand_cm = hand_cm
        self.reward, self.outcome, self.norm, self.updated, self.rejected = 0.0, O.NONE, 0.0, False, False
        for command in commands:
            self.acted.append(self._finds_work(*command))
            if self.acted[-1]:
                self._command(*command)
        self.held = self.paused or lost
        if lost and not self.was_lost and self.state in IN_TRIAL and self.trial == self.fed[1]:
            self.cursor = self.fed[0].copy()  # what silence did to it is taken back
        if lost and not self.was_lost:  # and so are the rates: back to their baselines
            scale = 1 / self.dt_s if self.p.decoder.input == "rate_hz" else 1.0
            self.rates, self.x = self.baseline.copy(), np.zeros_like(self.x)
            self.window = [self.baseline / scale] * max(self._ticks(self.p.decoder.smoothing_ms), 1)
        self.was_lost = lost
        if not lost:
            self._features(counts)
        if self.state == S.REST and not self.held:
            self.rest_counts.append(counts)
        decoded = self.gain * self._decode()
        intent, assist, velocity = self._move(decoded)
        if np.sum(counts) > 0:
            self.fed = self.cursor.copy(), self.trial
        fresh = self._sample(intent)
        if not self.held and not self.stop:
            self._advance()
        self._stop_when_due()
        self._learn(fresh)
        return self._frame(counts, lost, len(commands), decoded, intent, velocity, assist)

    def _finds_work(self, kind: CommandKind, index: int, aux: int, value: float) -> bool:
        follows_block = self.assist_override < 0
        return bool(
            {
                CommandKind.PAUSE: not self.paused,
                CommandKind.RESUME: self.paused,
                CommandKind.ASSIST: not follows_block if value < 0 else value != self.assist_override,
                CommandKind.LEARNING: self.p.learning.when != "off" and self.learning_on != bool(index),
                CommandKind.LEARNING_RATE: self.rate != value,
                CommandKind.GAIN: kind == CommandKind.GAIN and self.gain[index] != value,
                CommandKind.REWARD: self.reward == 0.0,
                CommandKind.SKIP_TRIAL: self.state in IN_TRIAL and not self.skip and not self.next_block,
                CommandKind.NEXT_BLOCK: self.block >= 0 and not self.next_block,
                CommandKind.MOVE_UNIT: self.population.get(index) != aux,
            }[kind]
        )

    def _command(self, kind: CommandKind, index: int, aux: int, value: float) -> None:
        match kind:
            case CommandKind.PAUSE | CommandKind.RESUME:
                self.paused = kind == CommandKind.PAUSE
            case CommandKind.ASSIST:
                self.assist_override = value
            case CommandKind.LEARNING:
                self.learning_on = bool(index)
            case CommandKind.LEARNING_RATE:
                self.rate = value
            case CommandKind.GAIN:
                self.gain[index] = value
            case CommandKind.REWARD:
                self.reward = 1.0
            case CommandKind.SKIP_TRIAL:
                self.skip = True
            case CommandKind.NEXT_BLOCK:
                self.next_block = True
            case CommandKind.MOVE_UNIT:
                self.weights[:, index] = list(self.signs.values())[aux]
                self.mask[:, index] = self.weights[:, index] != 0
                self.population[index] = aux
                self.updated = True

    def _features(self, counts: np.ndarray) -> None:
        decoder = self.p.decoder
        scale = 1 / self.dt_s if decoder.input == "rate_hz" else 1.0
        n = max(self._ticks(decoder.smoothing_ms), 1)
        self.window = [*self.window, counts][-n:]  # of the ticks that had a source
        if decoder.smoothing == "none":
            self.rates = counts * scale
        elif decoder.smoothing == "boxcar":
            self.rates = np.sum(self.window, axis=0) / n * scale
        else:
            keep = math.exp(-self.p.tick.period_ms / decoder.smoothing_ms)
            self.rates = keep * self.rates + (1 - keep) * counts * scale
        self.x = self.rates - self.baseline

    def _decode(self) -> np.ndarray:
        self.previous = self.weights @ self.x + self.bias + self.m1 @ self.previous
        return self.previous.copy()

    def _move(self, decoded: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        learning, n = self.p.learning, self.n_axes
        assist = 0.0 if self._kind() in BY_HAND else self._assist()
        aim = slow_cursor.aim(learning, self.state, self.target_cm - self.cursor)[:n]
        hand_moved_cm, self.hand_before = np.array(self.hand_cm) - self.hand_before, np.array(self.hand_cm)
        hand_cm_s = np.nan_to_num(hand_moved_cm[:n] / self.dt_s)
        intent = slow_cursor.intention(learning, aim, (self.target_cm - self.cursor)[:n], decoded, assist, hand_cm_s)
        if learning.exploration_cm_s > 0:
            keep = math.exp(-self.p.tick.period_ms / learning.exploration_tau_ms)
            draw = rnd.key(self.p.session.seed, EXPLORATION, self.now)
            fresh = np.array([rnd.normal(draw, a) for a in range(n)])
            self.noise = keep * self.noise + math.sqrt(1 - keep**2) * learning.exploration_cm_s * fresh
        if self._kind() in BY_HAND:
            return intent, assist, self._follow_hand()
        waits = self.state == S.INTER_TRIAL and self.p.task.start == "center"
        velocity = (1 - assist) * (decoded + self.noise) + assist * aim
        if self.held or self.block < 0 or self.state == S.REST or waits:
            velocity = np.zeros(n)
        speed_cm_s = np.linalg.norm(velocity)
        if speed_cm_s > self.p.safety.max_speed_cm_s:
            velocity = velocity * self.p.safety.max_speed_cm_s / speed_cm_s
        half = np.array(self.p.workspace.size_cm) / 2
        self.cursor[:n] = np.clip((self.cursor[:n] + velocity * self.dt_s), -half[:n], half[:n])
        return intent, assist, velocity

    def _kind(self) -> str:
        return self.p.blocks[self.block].kind if self.block >= 0 else ""

    def _follow_hand(self) -> np.ndarray:
        before = self.cursor.copy()
        if not self.held and not math.isnan(self.hand_cm[0]):
            half = np.array(self.p.workspace.size_cm) / 2
            self.cursor[: self.n_axes] = np.clip(self.hand_cm, -half, half)[: self.n_axes]
        return (self.cursor - before)[: self.n_axes] / self.dt_s

    def _assist(self) -> float:
        if self.block < 0:
            return 0.0
        block = self.p.blocks[self.block]
        done = 0.0
        if block.duration_s:
            done = self.block_ticks / self._ticks(block.duration_s * 1e3)
        elif block.trials:
            done = self.block_trials / block.trials
        return slow_cursor.assist(block, self.assist_override, done)

    def _sample(self, intent: np.ndarray) -> bool:
        every = max(self._ticks(self.p.learning.sample_ms), 1)
        if self.held or self.state not in IN_TRIAL or self.trial_ticks % every:
            return False
        self.samples.append((self.x.copy(), intent / self.gain, self.noise / self.gain))
        return True

    def _advance(self) -> None:
        self.block_ticks += 1
        if self._block_is_over():
            self._begin_block()
            return
        self.state_ticks += 1
        self.trial_ticks += 1
        task, t = self.p.task, self.state_ticks
        if self.state in (S.REST, S.IDLE):
            return
        if self._kind() == "drawing" and self.state in IN_TRIAL:
            self.target_cm = slow_cursor.on_path(self.p.task, self.trial_ticks * self.dt_s)
        inside = bool(np.linalg.norm(self.target_cm - self.cursor) <= task.target_radius_cm)
        hold = self._ticks(task.hold_ms)
        late = self.trial_ticks >= self._ticks(task.timeout_ms)
        if self.state in IN_TRIAL and self.skip:
            self._end(O.OPERATOR, S.FAILED)
        elif self.state == S.MOVE:
            if inside:
                self.entered = True
                self._go(S.HOLD)
            elif late:
                self._end(O.TIMEOUT_NOT_HELD if self.entered else O.TIMEOUT_NOT_REACHED, S.FAILED)
        elif self.state == S.HOLD:
            stays = inside or hold == 0
            if not stays:
                if task.hold_break_fails:
                    self._end(O.HOLD_BROKEN, S.FAILED)
                else:
                    self._go(S.MOVE)
            elif t >= hold:
                self._end(O.SUCCESS, S.REWARD)
            elif late:
                self._end(O.TIMEOUT_NOT_HELD, S.FAILED)
        elif (self.state == S.REWARD and t >= self._ticks(task.reward_ms)) or (
            self.state == S.FAILED and t >= self._ticks(task.failed_ms)
        ):
            self._go(S.INTER_TRIAL)
            self._centre_if_asked()
        elif self.state == S.INTER_TRIAL and t >= self._ticks(task.inter_trial_ms):
            self._begin_trial()

    def _block_is_over(self) -> bool:
        if self.block < 0 or self.next_block:
            return True
        block = self.p.blocks[self.block]
        if block.duration_s and self.block_ticks >= self._ticks(block.duration_s * 1e3):
            return True
        return bool(block.trials) and self.block_trials >= block.trials and self.state == S.INTER_TRIAL  # type: ignore[operator]

    def _begin_block(self) -> None:
        if self.state in IN_TRIAL:
            self._end(O.BLOCK_ENDED, self.state)
        if self.block >= 0 and self.p.blocks[self.block].kind == "rest" and self.rest_counts:
            scale = 1 / self.dt_s if self.p.decoder.input == "rate_hz" else 1.0
            self.baseline = np.mean(self.rest_counts, axis=0) * scale
            self.rest_counts = []
        self.next_block = False
        self.block_ticks = self.block_trials = self.state_ticks = 0
        if self.block + 1 == len(self.p.blocks):
            self.state, self.stop = S.IDLE, StopReason.PROTOCOL_DONE
            return
        self.block += 1
        kind = BlockKind[self.p.blocks[self.block].kind.upper()]
        self.state = {BlockKind.REST: S.REST, BlockKind.FREE: S.IDLE}.get(kind, S.INTER_TRIAL)
        if kind == BlockKind.REST:
            self.cursor[:] = 0
        self._centre_if_asked()

    def _centre_if_asked(self) -> None:
        if self.p.task.start == "center" and self._kind() not in BY_HAND:
            self.cursor[:] = 0

    def _go(self, state: TaskState) -> None:
        self.state, self.state_ticks = state, 0

    def _end(self, outcome: Outcome, state: TaskState) -> None:
        if outcome == O.BLOCK_ENDED and self.skip:  # the operator wanted it skipped when it was cut
            outcome = O.OPERATOR
        self.skip = False
        self.outcome = outcome
        if outcome == O.SUCCESS:
            chance = rnd.uniform(rnd.key(self.p.session.seed, REWARD, self.trial), 0)
            self.reward += float(chance < self.p.task.reward_probability)
        if outcome not in (O.BLOCK_ENDED, O.OPERATOR):
            self.trials_done += 1
            self.block_trials += 1
        if state != self.state:
            self._go(state)

    def _begin_trial(self) -> None:
        self._go(S.MOVE)
        self.trial += 1
        self.trial_ticks, self.entered, self.samples = 0, False, []
        self.hand_over.begin_trial(self.samples, self.p.blocks[self.block].learning)
        seed, task = self.p.session.seed, self.p.task
        if self._kind() == "drawing":
            self.target, self.target_cm = -1, slow_cursor.on_path(self.p.task, self.trial_ticks * self.dt_s)
            return
        if task.pattern == "uniform":
            draw = rnd.key(seed, TARGET_PLACE, self.trial)
            half = np.array(self.p.workspace.size_cm) / 2 - (task.margin_cm or 0.0)
            self.target_cm = np.array([(2 * rnd.uniform(draw, a) - 1) * half[a] for a in range(2)])
            self.target_cm[self.n_axes :] = 0
            return
        places = self.p.target_positions_cm()
        n = len(places)
        if task.order == "sequential":
            self.target = self.trial % n
        elif task.order == "random":
            self.target = int(rnd.uniform(rnd.key(seed, TARGET_ORDER, self.trial), 0) * n)
        else:
            order, draw = list(range(n)), rnd.key(seed, TARGET_ORDER, self.trial // n)
            for i in range(n - 1, 0, -1):
                j = int(rnd.uniform(draw, i) * (i + 1))
                order[i], order[j] = order[j], order[i]
            self.target = order[self.trial % n]
        self.target_cm = np.array(places[self.target])

    def _stop_when_due(self) -> None:
        session = self.p.session
        if not self.stop and session.trials and self.trials_done >= session.trials:
            self.stop = StopReason.TRIALS
        elif not self.stop and session.duration_s and self.now + 1 >= round(session.duration_s / self.dt_s):
            self.stop = StopReason.DURATION
        if self.stop and self.state in IN_TRIAL:
            self.outcome = O.OPERATOR if self.skip else O.BLOCK_ENDED

    def _learn(self, fresh: bool) -> None:
        when, n = self.p.learning.when, len(self.samples)
        before, self.block_before = self.block_before, self.block
        judged = self.outcome not in (O.NONE, O.BLOCK_ENDED, O.OPERATOR)
        if judged:
            self.hand_over.judge(self.reward)
        active = when != "off" and self.learning_on and not self.held and self.block >= 0
        if active and self.p.blocks[self.block].learning:
            if when == "tick" and fresh:
                self._update(self.samples[-1:], self.reward)
            elif when == "trial" and judged and n:
                self._update(self.samples, self.reward)
            elif when == "reward" and self.reward > 0 and n:
                self._update(self.samples, self.reward)
                self.samples = []
            every = max(self._ticks(self.p.learning.sample_ms), 1)
            if self.rule.at_rest and self._kind() == "rest" and self.now % every == 0:
                self._update([], 0.0)
        ended = self.block if before in (-1, self.block) else before
        if active and self.p.blocks[ended].learning:
            self.hand_over.begin_when_due(self.now, before not in (-1, self.block), self.state in IN_TRIAL)
        self.hand_over.teaching *= self.learning_on  # frozen is frozen
        for samples, reward in self.hand_over.next_of_this_tick() if not self.held else ():
            self._update(samples, reward)

    def _update(self, samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]], reward: float) -> None:
        x, intent, noise = (np.array([row[part] for row in samples]) for part in range(3))
        new = self.rule.learn(self.weights.copy(), self.bias, self.mask, x, intent, noise, self.rate, reward)
        if new is None:
            return
        learning = self.p.learning
        free = new[self.mask]
        if np.all((free >= learning.weight_min) & (free <= learning.weight_max)):
            self.updated, self.norm, self.weights = True, float(np.linalg.norm(new - self.weights)), new
        else:
            self.rejected = True

    def _frame(
        self,
        counts: np.ndarray,
        lost: bool,
        n_commands: int,
        decoded: np.ndarray,
        intent: np.ndarray,
        velocity: np.ndarray,
        assist: float,
    ) -> dict[str, Any]:
        learning = self.learning_on and self.p.learning.when != "off" and self.block >= 0
        flags = {
            Flag.SOURCE_LOST: lost,
            Flag.PAUSED: self.paused,
            Flag.LEARNING: learning and self.p.blocks[self.block].learning,
            Flag.REWARDED: self.reward > 0,
            Flag.UPDATED: self.updated,
            Flag.REJECTED: self.rejected,
            Flag.IN_TARGET: self.state == S.HOLD,
            Flag.FINISHED: self.stop != StopReason.NONE,
            Flag.HAND: self._kind() in ("arm", "drawing"),
            Flag.FORCE: self._kind() == "isometric",
        }
        frame: dict[str, Any] = {
            "tick": self.now,
            "flags": sum(flag for flag, is_set in flags.items() if is_set),
            "state": self.state,
            "block": self.block,
            "target": self.target,
            "trial": self.trial,
            "outcome": self.outcome,
            "n_commands": n_commands,
            "state_ticks": self.state_ticks,
            "spikes": counts.sum(),
            "target_radius_cm": self.p.task.target_radius_cm if self.state in IN_TRIAL else 0.0,
            "hold_fraction": 0.0,
            "assist": assist,
            "reward": self.reward,
            "update_norm": self.norm,
            "learning_rate": self.rate,
        }
        if self.state == S.HOLD:
            frame["hold_fraction"] = min(self.state_ticks / max(self._ticks(self.p.task.hold_ms), 1), 1.0)
        vectors = {"decoded": decoded, "velocity": velocity, "intent": intent, "noise": self.noise}
        for name, vector in vectors.items():
            frame |= {f"{name}_{axis}_cm_s": value for axis, value in zip("xy", [*vector, 0.0], strict=False)}
        for name, place in {"cursor": self.cursor, "target": self.target_cm, "hand": self.hand_cm}.items():
            frame |= {f"{name}_x_cm": place[0], f"{name}_y_cm": place[1]}
        return frame
