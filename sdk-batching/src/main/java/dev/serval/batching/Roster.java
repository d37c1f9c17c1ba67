package dev.serval.batching;

import static dev.serval.batching.SequenceState.ENDED;
import static dev.serval.batching.SequenceState.PAUSED;
import static dev.serval.batching.SequenceState.RUNNING;
import static dev.serval.batching.SequenceState.SHELVED;
import static dev.serval.batching.SequenceState.WAITING;

import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.cache.KvCache;
import dev.serval.api.model.StepLimits;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The sequences of an engine, each in the list of those that wait, hold blocks or are shelved.
 * Every change of a sequence's state happens here, so that lists, counts and blocks always agree
 * with it. It is what policies see as well: they find the waiting ones in order.
 */
final class Roster implements EngineSnapshot {
  private final List<Sequence> waiting = new ArrayList<>();
  private final List<Sequence> holding = new ArrayList<>();
  private final List<Sequence> shelved = new ArrayList<>();
  private final KvCache cache;
  private final StepLimits limits;
  private final Policies policies;
  private final Gate gate;
  private long nowNanos;
  private long arrivals;
  private long pauses;
  private int paused;
  private boolean ordered;

  Roster(KvCache cache, StepLimits limits, Policies policies, Gate gate) {
    this.cache = cache;
    this.limits = limits;
    this.policies = policies;
    this.gate = gate;
  }

  /** Another moment: what policies see may have changed. */
  void tick(long nanos) {
    nowNanos = nanos;
    ordered = false;
  }

  void arrive(Sequence sequence) {
    await(sequence);
    sequence.arrive(arrivals++);
  }

  void begin(Sequence sequence) {
    holding.add(sequence);
    waiting.remove(sequence);
    sequence.become(RUNNING);
    gate.began();
  }

  void pause(Sequence sequence) {
    sequence.become(PAUSED);
    sequence.pausedSince(pauses++);
    paused++;
  }

  void resume(Sequence sequence) {
    switch (sequence.state()) {
      case PAUSED -> {
        sequence.become(RUNNING);
        paused--;
      }
      case SHELVED -> {
        await(sequence);
        shelved.remove(sequence);
        sequence.become(WAITING);
      }
      case WAITING, RUNNING, ENDED -> {}
    }
  }

  /** Takes a sequence's blocks: it waits to be computed again, once its reader wants it. */
  void giveWay(Sequence sequence) {
    if (sequence.isRunning()) {
      await(sequence);
      sequence.become(WAITING);
    } else {
      shelved.add(sequence);
      sequence.become(SHELVED);
      paused--;
    }
    holding.remove(sequence);
    gate.gaveWay();
    sequence.giveUpBlocks();
  }

  void end(Sequence sequence) {
    SequenceState before = sequence.state();
    sequence.become(ENDED);
    if (before == PAUSED) {
      paused--;
    }
    listOf(before).remove(sequence);
    gate.ended(before.holdsBlocks());
    sequence.forget();
    gate.freeBlocks(cache.freeBlocks());
  }

  private void await(Sequence sequence) {
    waiting.add(sequence);
    ordered = false;
  }

  private List<Sequence> listOf(SequenceState state) {
    return switch (state) {
      case WAITING -> waiting;
      case RUNNING, PAUSED -> holding;
      case SHELVED -> shelved;
      case ENDED -> List.of();
    };
  }

  /** Any sequence that has not ended, or null. */
  @Nullable Sequence any() {
    for (SequenceState state : SequenceState.values()) {
      if (!listOf(state).isEmpty()) {
        return listOf(state).getLast();
      }
    }
    return null;
  }

  /** Whether there is anything that a step could work on. */
  boolean isIdle() {
    return active() == 0 && waiting.isEmpty();
  }

  /** How many sequences take part in steps. */
  int active() {
    return holding.size() - paused;
  }

  int paused() {
    return paused;
  }

  /** How many blocks could be free at most if all paused sequences gave way. */
  int reclaimableBlocks() {
    int blocks = freeBlocks();
    for (int i = 0; i < holding.size() && paused > 0; i++) {
      Sequence sequence = holding.get(i);
      blocks += sequence.isRunning() ? 0 : sequence.heldBlocks();
    }
    return blocks;
  }

  /** The paused sequence whose reader has been quiet the longest; the caller knows there is one. */
  Sequence longestPaused() {
    Sequence longest = null;
    for (Sequence sequence : holding) {
      if (!sequence.isRunning()
          && (longest == null || sequence.pausedSince() < longest.pausedSince())) {
        longest = sequence;
      }
    }
    return Objects.requireNonNull(longest);
  }

  @Override
  public long nowNanos() {
    return nowNanos;
  }

  @Override
  public int waiting() {
    return waiting.size();
  }

  @Override
  public Sequence waiting(int index) {
    if (!ordered) {
      policies.order(waiting, nowNanos);
      ordered = true;
    }
    return waiting.get(index);
  }

  @Override
  public int running() {
    return holding.size();
  }

  @Override
  public Sequence running(int index) {
    return holding.get(index);
  }

  @Override
  public int freeBlocks() {
    return cache.freeBlocks();
  }

  @Override
  public int totalBlocks() {
    return cache.totalBlocks();
  }

  @Override
  public StepLimits limits() {
    return limits;
  }
}
