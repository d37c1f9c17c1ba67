package dev.serval.batching;

import static dev.serval.batching.SequenceState.ENDED;
import static dev.serval.batching.SequenceState.PAUSED;
import static dev.serval.batching.SequenceState.RUNNING;
import static dev.serval.batching.SequenceState.SHELVED;
import static dev.serval.batching.SequenceState.WAITING;

import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.StepCosts;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvDemand;
import dev.serval.api.model.StepLimits;
import java.util.ArrayList;
import java.util.BitSet;
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
  private final Holders holders;
  private final List<Sequence> shelved = new ArrayList<>();
  private final KvCache cache;
  private final KvDemand demand;
  private final StepLimits limits;
  private final Policies policies;
  private final Gate gate;
  private final StepCosts costs;
  private final TenantAccounts tenants = new TenantAccounts();
  private final BitSet kept;
  private final AnswerShares shares = new AnswerShares();
  private final Forecast forecast;
  private long nowNanos;
  private long nextDeadline = Long.MAX_VALUE;
  private long arrivals;
  private long pauses;
  private int paused;
  private long changes;
  private long mostBlocks;
  private boolean ordered;

  Roster(KvCache cache, StepLimits limits, Policies policies, Gate gate, StepCosts costs) {
    this.cache = cache;
    demand = cache.demand();
    holders = new Holders(limits.sequences());
    kept = new BitSet(cache.totalBlocks());
    forecast = new Forecast(cache.totalBlocks(), demand, limits.sequences(), shares);
    this.limits = limits;
    this.policies = policies;
    this.gate = gate;
    this.costs = costs;
  }

  /** Another moment: what policies see may have changed. */
  void tick(long nanos) {
    nowNanos = nanos;
    ordered = false;
  }

  void arrive(Sequence sequence) {
    sequence.arrive(arrivals++, tenants.arrive(sequence.tenant().name()));
    await(sequence);
    nextDeadline = Math.min(nextDeadline, sequence.deadlineNanos());
  }

  void begin(Sequence sequence) {
    holders.makePlace();
    sequence.become(RUNNING);
    holders.add(sequence);
    changes++;
    mostBlocks += sequence.mostBlocks(demand);
    waiting.remove(sequence);
    tenants.leaveQueue(sequence.account());
    ordered = false;
    gate.began(sequence.rank(), sequence.totalTokens());
    tellBacklog(sequence);
  }

  /** The tokens or blocks of a sequence have changed that holds some. */
  void note(Sequence sequence) {
    holders.note(sequence);
    tellBacklog(sequence);
  }

  /** Tells the gate how much of a sequence's prefill is still to be done. */
  private void tellBacklog(Sequence sequence) {
    int backlog = sequence.state().holdsBlocks() ? sequence.unfinishedPrefill() : 0;
    if (backlog != sequence.backlog()) {
      gate.begunTokens(sequence.rank(), backlog - sequence.backlog());
      sequence.backlog(backlog);
    }
  }

  void pause(Sequence sequence) {
    sequence.become(PAUSED);
    sequence.pausedSince(pauses++);
    holders.note(sequence);
    paused++;
  }

  void resume(Sequence sequence) {
    switch (sequence.state()) {
      case PAUSED -> {
        sequence.become(RUNNING);
        holders.note(sequence);
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
    sequence.waitsSince(nowNanos);
    if (sequence.isRunning()) {
      await(sequence);
      sequence.become(WAITING);
    } else {
      shelved.add(sequence);
      sequence.become(SHELVED);
      paused--;
    }
    holders.remove(sequence);
    changes++;
    mostBlocks -= sequence.mostBlocks(demand);
    sequence.giveUpBlocks();
    gate.gaveWay(sequence.rank(), sequence.totalTokens());
    tellBacklog(sequence);
  }

  void end(Sequence sequence) {
    SequenceState before = sequence.state();
    sequence.become(ENDED);
    if (before == PAUSED) {
      paused--;
    }
    leave(before, sequence);
    changes++;
    if (sequence.generated() > 0) {
      shares.record(sequence.generated(), sequence.generated() + sequence.remainingTokens());
    }
    if (sequence.hasArrived()) {
      if (before == WAITING) {
        tenants.leaveQueue(sequence.account());
      }
      tenants.leave(sequence.account());
    }
    if (before.holdsBlocks()) {
      mostBlocks -= sequence.mostBlocks(demand);
      gate.endedRunning();
    } else {
      gate.endedWaiting(sequence.rank(), sequence.totalTokens());
    }
    tellBacklog(sequence);
    gate.giveBack(sequence.request(), sequence.generated(), nowNanos);
    sequence.forget();
    gate.freeBlocks(cache.freeBlocks());
  }

  private void await(Sequence sequence) {
    tenants.enterQueue(sequence.account());
    waiting.add(sequence);
    ordered = false;
  }

  private void leave(SequenceState state, Sequence sequence) {
    switch (state) {
      case WAITING -> waiting.remove(sequence);
      case RUNNING, PAUSED -> holders.remove(sequence);
      case SHELVED -> shelved.remove(sequence);
      case ENDED -> {}
    }
  }

  /** Any sequence that has not ended, or null. */
  @Nullable Sequence any() {
    if (!waiting.isEmpty()) {
      return waiting.getLast();
    }
    if (!holders.isEmpty()) {
      return holders.at(holders.size() - 1);
    }
    return shelved.isEmpty() ? null : shelved.getLast();
  }

  /** Grows whenever a sequence begins, gives way or ends. */
  long changes() {
    return changes;
  }

  /** The first of those that wait, of which there is one. */
  Sequence head() {
    return ordered ? waiting.getFirst() : policies.first(waiting, this);
  }

  /** When the next sequence may have to end; never later than it does. */
  long nextDeadline() {
    return nextDeadline;
  }

  /** A sequence whose deadline has passed, or null. */
  @Nullable Sequence expired(long nanos) {
    if (nanos < nextDeadline) {
      return null;
    }
    nextDeadline = Long.MAX_VALUE;
    Sequence expired = null;
    for (int i = 0; i < waiting.size(); i++) {
      expired = later(waiting.get(i), nanos, expired);
    }
    for (int i = 0; i < holders.size(); i++) {
      expired = later(holders.at(i), nanos, expired);
    }
    for (int i = 0; i < shelved.size(); i++) {
      expired = later(shelved.get(i), nanos, expired);
    }
    return expired;
  }

  private @Nullable Sequence later(Sequence sequence, long nanos, @Nullable Sequence expired) {
    nextDeadline = Math.min(nextDeadline, sequence.deadlineNanos());
    return sequence.deadlineNanos() <= nanos ? sequence : expired;
  }

  /** Whether there is anything that a step could work on. */
  boolean isIdle() {
    return active() == 0 && waiting.isEmpty();
  }

  /** Those that hold blocks, as plans read them. */
  Holders holders() {
    return holders;
  }

  /** How many sequences take part in steps. */
  int active() {
    return holders.size() - paused;
  }

  int paused() {
    return paused;
  }

  /** How many blocks could be free at most if all gave way that would for one of this rank. */
  int reclaimableBlocks(int rank) {
    int blocks = freeBlocks();
    for (int i = 0; i < holders.size(); i++) {
      int place = holders.place(i);
      blocks += holders.standsAgainst(place, rank) ? 0 : holders.table(place).held();
    }
    return blocks;
  }

  /**
   * How many blocks will be free if all gave way that would for one of this rank, which holds some
   * already. Blocks that several hold are counted once.
   */
  int freeWithout(int rank, BlockTable own) {
    kept.clear();
    keep(own);
    for (int i = 0; i < holders.size(); i++) {
      int place = holders.place(i);
      if (holders.standsAgainst(place, rank)) {
        keep(holders.table(place));
      }
    }
    return cache.totalBlocks() - kept.cardinality();
  }

  private void keep(BlockTable table) {
    for (int i = 0; i < table.size(); i++) {
      int block = table.block(i);
      if (block != BlockTable.NONE) {
        kept.set(block);
      }
    }
  }

  /** The last to arrive of the lowest class that runs and yields to a rank, or null. */
  @Nullable Sequence lowestBelow(int rank) {
    Sequence lowest = null;
    for (int i = 0; i < holders.size(); i++) {
      Sequence sequence = holders.at(i);
      if (sequence.isRunning()
          && sequence.yieldsTo(rank)
          && (lowest == null || sequence.isBelow(lowest))) {
        lowest = sequence;
      }
    }
    return lowest;
  }

  /** The paused sequence whose reader has been quiet the longest; the caller knows there is one. */
  Sequence longestPaused() {
    Sequence longest = null;
    for (int i = 0; i < holders.size(); i++) {
      Sequence sequence = holders.at(i);
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
      ordered = true;
      policies.order(waiting, this);
    }
    return waiting.get(index);
  }

  @Override
  public int running() {
    return holders.size();
  }

  @Override
  public Sequence running(int index) {
    return holders.at(index);
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
  public int foreseenBlocks(SequenceView next) {
    if (next instanceof Sequence sequence) {
      long most = mostBlocks + sequence.mostBlocks(demand);
      int held = cache.totalBlocks() - cache.freeBlocks();
      return most <= cache.totalBlocks()
          ? (int) most
          : forecast.mostBlocks(holders, sequence, held);
    }
    throw new IllegalArgumentException("sequence " + next.id() + " is none of this engine's");
  }

  @Override
  public StepLimits limits() {
    return limits;
  }

  @Override
  public KvDemand demand() {
    return demand;
  }

  @Override
  public StepCosts costs() {
    return costs;
  }
}
