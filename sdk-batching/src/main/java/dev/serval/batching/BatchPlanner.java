package dev.serval.batching;

import dev.serval.api.ServiceLevel;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvDemand;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.model.StepLimits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Decides what the next step computes, and finds the blocks for it. */
final class BatchPlanner {
  /*
   * A sequence has `total` tokens, of which `computed` have their KV in blocks that it holds. What
   * is outstanding is planned, in this order, while the step has room:
   *
   *   1. decodes: running sequences with one token outstanding, those of the highest class first.
   *      Those of lower classes take part as the chunk policy lets them; one left out has yielded;
   *   2. class by class, the highest first: chunks of running sequences with more than one token
   *      outstanding, as large as the chunk policy says, then waiting sequences, as the order
   *      policy has them, which then are decodes or chunks too. The head of the queue has its turn
   *      when its class has.
   *
   * Blocks. A sequence begins only with blocks for all of its tokens, so a prefill once begun does not
   * run out of them: only decodes do, one block at a time. (Layers with a window have blocks for as many
   * tokens as that and a step reach over, and pass them on to themselves; a prefill asks as decodes do
   * where another sequence still holds what it passed on.) And it begins only if a block is left
   * over for each sequence that runs already, or the next steps would throw it out again: one
   * block, and one more for each time that somebody had to give way lately, which is forgotten by
   * halves every 350 steps. So where answers outgrow what they began with, fewer are begun at once
   * and less is computed again. The head of the queue is not overtaken by smaller ones behind it,
   * or it would starve.
   *
   * over: and only if the victim policy has it begin, which may foresee that somebody would have to
   * give way. One that was told to wait asks again when something has changed, or 16 steps later.
   *
   * Blocks that are kept elsewhere. Those of the head of the queue are brought back while a step
   * computes that others have something to compute in, and it begins when none is on its way: so
   * nobody waits for them. In that plan nobody begins, as all blocks that are taken from then on are
   * those that come.
   *
   * Giving way. A decode without room takes the blocks of others until it has it: first of the
   * sequences that wait for their readers, then of those the victim policy picks. When it is picked
   * itself, it waits. To a sequence that begins, those give way that are paused, and, for blocks or
   * a place among those that run, those of a lower class, as the victim policy picks them: once it
   * picks another, nobody else does.
   *
   * Why this ends, whatever the policies say: nobody gives way but for a decode that then computes
   * a token, or to it being picked itself, so that fewer compete, or for one that begins and stands
   * higher, which it never gives back; and who begins has room for the token it then computes.
   * Tokens once generated are never lost. A sequence alone finds every block free, and none is
   * admitted that all blocks together could not hold. A step is never left empty while a sequence
   * could run: in an empty step, a chunk policy's 0 counts as 1.
   */

  private static final double HEADROOM_KEPT = 0.998;
  private static final int STEPS_UNTIL_ASKED = 16;
  private static final int MOST_BROUGHT = 16;

  private final KvCache cache;
  private final KvDemand demand;
  private final StepLimits limits;
  private final Policies policies;
  private final Roster roster;
  private final EngineListener listener;
  private final Holders holders;
  private final List<Sequence> prefills = new ArrayList<>();
  private int[] turns;
  private int turnCount;
  private int firstTurn;
  private double headroom = 1;
  private @Nullable Sequence refused;
  private long refusedAfter;
  private int stepsUntilAsked;
  private boolean bringing;
  private int ranks;
  private int prefillRanks;

  BatchPlanner(
      KvCache cache, StepLimits limits, Policies policies, Roster roster, EngineListener listener) {
    this.cache = cache;
    demand = cache.demand();
    this.limits = limits;
    this.policies = policies;
    this.roster = roster;
    this.listener = listener;
    holders = roster.holders();
    turns = new int[limits.sequences()];
  }

  void plan(Step step) {
    headroom = 1 + (headroom - 1) * HEADROOM_KEPT;
    stepsUntilAsked--;
    bringing = false;
    listTurns();
    yieldPlace(step);
    planDecodes(step);
    planPrefill(step);
    prefills.clear();
  }

  /**
   * Whether the step may have blocks beyond those of this plan: not while some are brought back,
   * since those that are taken meanwhile are still to be saved.
   */
  boolean leavesBlocks() {
    return !bringing;
  }

  /** Those that run now; some may have to give way while the step is planned. */
  private void listTurns() {
    if (turns.length < holders.size()) {
      turns = new int[2 * holders.size()];
    }
    prefills.clear();
    turnCount = 0;
    ranks = 0;
    prefillRanks = 0;
    for (int i = 0; i < holders.size(); i++) {
      int place = holders.place(i);
      if (holders.isRunning(place)) {
        turns[turnCount++] = place;
        ranks |= 1 << holders.rank(place);
        if (!holders.isDecode(place)) {
          prefills.add(holders.sequence(place));
          prefillRanks |= 1 << holders.rank(place);
        }
      }
    }
  }

  /**
   * Where all places are taken, one of a lower class makes way for the head of the queue, if that
   * is then still the head.
   */
  private void yieldPlace(Step step) {
    if (roster.waiting() > 0 && roster.active() >= limits.sequences()) {
      Sequence head = roster.head();
      Sequence victim = lowerThan(head);
      if (victim != null
          && policies.before(head, victim, roster)
          && findsBlocks(head)
          && mayBegin(head)) {
        giveWay(victim, step);
      }
    }
  }

  /** Whether there will be blocks for it at the end of this plan, whatever that takes by then. */
  private boolean findsBlocks(Sequence head) {
    int most = demand.blocks(head.totalTokens()) + spare() + roster.active() * demand.blocks(1);
    return roster.freeWithout(head.rank(), BlockTable.EMPTY) >= most;
  }

  private void planDecodes(Step step) {
    int first = firstTurn < turnCount ? firstTurn : 0;
    firstTurn = 0;
    for (int left = ranks; left != 0; left &= left - 1) {
      planDecodes(Integer.numberOfTrailingZeros(left), first, step);
    }
  }

  /**
   * More may run than a step can take, when paused ones come back or lower classes yield: then they
   * take turns.
   */
  private void planDecodes(int rank, int first, Step step) {
    boolean below = (ranks & ((1 << rank) - 1)) != 0;
    for (int i = 0; i < turnCount; i++) {
      int turn = first + i < turnCount ? first + i : first + i - turnCount;
      int place = turns[turn];
      if (holders.isDecode(place, rank)) {
        if (step.room() == 0) {
          firstTurn = turn;
          return;
        }
        if (below && yields(holders.sequence(place), step)) {
          firstTurn = firstTurn == 0 ? turn : firstTurn;
        } else if (holders.hasRoom(place) || makeRoom(holders.sequence(place), step)) {
          step.include(place, 1);
        }
      }
    }
  }

  private boolean yields(Sequence sequence, Step step) {
    boolean yields = !step.isEmpty() && policies.chunk(sequence, step, roster) < 1;
    if (yields) {
      listener.yielded(sequence);
    }
    return yields;
  }

  private boolean makeRoom(Sequence needy, Step step) {
    while (!needy.reserve()) {
      Sequence victim;
      if (roster.paused() > 0) {
        victim = roster.longestPaused();
      } else {
        victim = policies.victim(needy, roster);
        headroom++;
      }
      giveWay(victim, step);
      if (victim == needy) {
        return false;
      }
    }
    roster.note(needy);
    return true;
  }

  /** The blocks that one who begins leaves free for those that run already. */
  private int spare() {
    return demand.blocks(1) * (int) (roster.active() * headroom);
  }

  private void giveWay(Sequence victim, Step step) {
    int lost = victim.computedTokens();
    step.exclude(victim.place());
    victim.countPreemption();
    roster.giveWay(victim);
    listener.preempted(victim, lost);
  }

  private void planPrefill(Step step) {
    for (int rank = 0; rank <= ServiceLevel.LOWEST_RANK && step.room() > 0; rank++) {
      if ((prefillRanks & 1 << rank) != 0) {
        planChunks(rank, step);
      }
      if (roster.waiting() > 0) {
        planWaiting(rank, step);
      }
    }
  }

  private void planChunks(int rank, Step step) {
    for (int i = 0; i < prefills.size() && step.room() > 0; i++) {
      Sequence sequence = prefills.get(i);
      if (sequence.isRunning()
          && sequence.rank() == rank
          && (holders.hasRoom(sequence.place()) || makeRoom(sequence, step))) {
        include(sequence, step);
      }
    }
  }

  private void planWaiting(int rank, Step step) {
    while (step.room() > 0 && roster.waiting() > 0) {
      Sequence next = roster.head();
      if (next.yieldsTo(rank)
          || bringsBack(next, step)
          || roster.active() >= limits.sequences()
          || chunk(next, step) == 0
          || !findBlocks(next, step)) {
        return;
      }
      roster.begin(next);
      include(next, step);
    }
  }

  /** Whether blocks of the next one are on their way back while others compute. */
  private boolean bringsBack(Sequence next, Step step) {
    if (bringing || step.isEmpty()) {
      return bringing;
    }
    int most = Math.min(MOST_BROUGHT, cache.freeBlocks() - spare());
    bringing = most > 0 && next.kv(cache).bring(next.tokens(), next.totalTokens() - 1, most) > 0;
    return bringing;
  }

  /** A running sequence of a lower class that gives way to one that begins, or null. */
  private @Nullable Sequence lowerThan(Sequence next) {
    int rank = next.rank();
    if (ranks >>> (rank + 1) == 0 || roster.active() == 0) {
      return null;
    }
    Sequence victim = policies.victim(next, roster);
    return victim.isRunning() && victim.yieldsTo(rank) ? victim : null;
  }

  private void include(Sequence sequence, Step step) {
    int count = chunk(sequence, step);
    if (count > 0) {
      step.include(sequence.place(), count);
    }
  }

  private int chunk(Sequence sequence, Step step) {
    int outstanding = sequence.outstanding();
    int wanted = outstanding == 1 ? 1 : policies.chunk(sequence, step, roster);
    int least = step.isEmpty() ? 1 : 0;
    int most = Math.min(Math.min(outstanding, step.room()), sequence.room());
    return Math.min(Math.max(wanted, least), most);
  }

  private boolean findBlocks(Sequence next, Step step) {
    boolean found = !isRefused(next) && holdBlocks(next, step);
    TimelineRecorder recorder = next.recorder();
    if (!found && recorder != null) {
      recorder.lacksBlocks(roster.nowNanos());
    }
    return found;
  }

  @SuppressWarnings("ReferenceEquality") // it is about this one
  private boolean isRefused(Sequence next) {
    return next == refused
        && roster.active() > 0
        && roster.changes() == refusedAfter
        && stepsUntilAsked > 0;
  }

  /** Whether the victim policy has it begin; where nothing runs, it does. */
  private boolean mayBegin(Sequence next) {
    boolean begins = roster.active() == 0 || policies.mayBegin(next, roster);
    refused = begins ? null : next;
    refusedAfter = roster.changes();
    stepsUntilAsked = STEPS_UNTIL_ASKED;
    return begins;
  }

  /** Finds what is computed already, and room for all the rest; or takes nothing. */
  private boolean holdBlocks(Sequence sequence, Step step) {
    int rank = sequence.rank();
    int least = sequence.blocksToBegin() + spare();
    if (cache.freeBlocks() < least && roster.reclaimableBlocks(rank) < least) {
      return false;
    }
    int freeBefore = cache.freeBlocks();
    KvSequence kv = sequence.kv(cache);
    int found = kv.reuse(sequence.tokens(), sequence.totalTokens() - 1);
    int taken = freeBefore - cache.freeBlocks();
    int missing = kv.missing(sequence.totalTokens());
    if (!makesRoom(missing, sequence, step) || !kv.reserve(sequence.totalTokens())) {
      kv.suspend();
      sequence.blocksToBegin(taken + missing);
      return false;
    }
    sequence.found(found);
    step.found(found);
    return true;
  }

  /** Whether so many blocks and the spare ones are free, after others gave way if need be. */
  private boolean makesRoom(int missing, Sequence next, Step step) {
    boolean possible =
        lacks(missing) <= 0
            || roster.freeWithout(next.rank(), next.kv().blocks()) >= missing + spare();
    if (!possible || !mayBegin(next)) {
      return false;
    }
    reclaim(missing, next, step);
    return lacks(missing) <= 0;
  }

  /** How many blocks more would have to be free for so many to be taken. */
  private int lacks(int missing) {
    return missing + spare() - cache.freeBlocks();
  }

  /**
   * There will be enough if all give way that would. If the victim policy picks one that would not,
   * nobody does; but once one has, others follow until there is enough.
   */
  private void reclaim(int missing, Sequence next, Step step) {
    boolean begun = false;
    while (lacks(missing) > 0) {
      Sequence victim = roster.paused() > 0 ? roster.longestPaused() : lowerThan(next);
      if (victim == null && begun) {
        victim = roster.lowestBelow(next.rank());
      }
      if (victim == null) {
        return;
      }
      begun = true;
      giveWay(victim, step);
    }
  }
}
