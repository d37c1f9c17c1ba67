package dev.serval.batching;

import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvSequence;
import dev.serval.api.model.StepLimits;
import java.util.ArrayList;
import java.util.List;

/** Decides what the next step computes, and finds the blocks for it. */
final class BatchPlanner {
  /*
   * A sequence has `total` tokens, of which `computed` have their KV in blocks that it holds. What is
   * outstanding is planned, in this order, while the step has room:
   *
   *   1. decodes: running sequences with one token outstanding;
   *   2. chunks of running sequences with more than one, as large as the chunk policy says;
   *   3. waiting sequences, as the order policy has them, which then are decodes or chunks too.
   *
   * Blocks. A sequence begins only with blocks for all of its tokens, so a prefill once begun never
   * runs out of them: only decodes do, one block at a time. And it begins only if a block is left
   * over for each sequence that runs already, or the next steps would throw it out again. The head
   * of the queue is not overtaken by smaller ones behind it, or it would starve.
   *
   * Giving way. A decode without room takes the blocks of others until it has it: first of the
   * sequences that wait for their readers, then of those the victim policy picks. When it is picked
   * itself, it waits. Only sequences that run give way to a decode; to one that begins, only those
   * that are paused.
   *
   * Why this ends, whatever the policies say: nobody gives way but for a decode that then computes
   * a token, or to it being picked itself, so that fewer compete; and who begins has room for the
   * token it then computes. Tokens once generated are never lost. A sequence alone finds every block
   * free, and none is admitted that all blocks together could not hold. A step is never left empty
   * while a sequence could run: in an empty step, a chunk policy's 0 counts as 1.
   */

  private final KvCache cache;
  private final StepLimits limits;
  private final Policies policies;
  private final Roster roster;
  private final EngineListener listener;
  private final List<Sequence> turns = new ArrayList<>();
  private int firstTurn;

  BatchPlanner(
      KvCache cache, StepLimits limits, Policies policies, Roster roster, EngineListener listener) {
    this.cache = cache;
    this.limits = limits;
    this.policies = policies;
    this.roster = roster;
    this.listener = listener;
  }

  void plan(Step step) {
    listTurns();
    planDecodes(step);
    planChunks(step);
    planWaiting(step);
    turns.clear();
  }

  /** Those that run now; some may have to give way while the step is planned. */
  private void listTurns() {
    turns.clear();
    for (int i = 0; i < roster.running(); i++) {
      Sequence sequence = roster.running(i);
      if (sequence.isRunning()) {
        turns.add(sequence);
      }
    }
  }

  /** More may run than a step can take, when paused ones come back: then they take turns. */
  private void planDecodes(Step step) {
    int first = firstTurn < turns.size() ? firstTurn : 0;
    firstTurn = 0;
    for (int i = 0; i < turns.size(); i++) {
      int turn = (first + i) % turns.size();
      Sequence sequence = turns.get(turn);
      if (sequence.isRunning() && sequence.outstanding() == 1) {
        if (step.room() == 0) {
          firstTurn = turn;
          return;
        }
        if (makeRoom(sequence, step)) {
          step.include(sequence, 1);
        }
      }
    }
  }

  private boolean makeRoom(Sequence needy, Step step) {
    while (!needy.kv().reserve(needy.totalTokens())) {
      Sequence victim =
          roster.paused() > 0 ? roster.longestPaused() : policies.victim(needy, roster);
      giveWay(victim, step);
      if (victim == needy) {
        return false;
      }
    }
    return true;
  }

  private void giveWay(Sequence victim, Step step) {
    int lost = victim.computedTokens();
    step.exclude(victim);
    victim.countPreemption();
    roster.giveWay(victim);
    listener.preempted(lost);
  }

  private void planChunks(Step step) {
    for (int i = 0; i < turns.size() && step.room() > 0; i++) {
      Sequence sequence = turns.get(i);
      if (sequence.isRunning() && sequence.outstanding() > 1) {
        include(sequence, step);
      }
    }
  }

  private void planWaiting(Step step) {
    while (step.room() > 0 && roster.active() < limits.sequences() && roster.waiting() > 0) {
      Sequence next = roster.waiting(0);
      if (chunk(next, step) == 0 || !holdBlocks(next, step)) {
        return;
      }
      roster.begin(next);
      include(next, step);
    }
  }

  private void include(Sequence sequence, Step step) {
    int count = chunk(sequence, step);
    if (count > 0) {
      step.include(sequence, count);
    }
  }

  private int chunk(Sequence sequence, Step step) {
    int outstanding = sequence.outstanding();
    int wanted = outstanding == 1 ? 1 : policies.chunk(sequence, step.tokens(), roster);
    int least = step.isEmpty() ? 1 : 0;
    return Math.min(Math.max(wanted, least), Math.min(outstanding, step.room()));
  }

  /** Finds what is computed already, and room for all the rest; or takes nothing. */
  private boolean holdBlocks(Sequence sequence, Step step) {
    int spare = roster.active();
    if (roster.reclaimableBlocks() < sequence.blocksToBegin() + spare) {
      return false;
    }
    int freeBefore = cache.freeBlocks();
    KvSequence kv = sequence.kv(cache);
    int found = kv.reuse(sequence.tokens(), sequence.totalTokens() - 1);
    int taken = freeBefore - cache.freeBlocks();
    int missing = Math.ceilDiv(sequence.totalTokens(), cache.blockTokens()) - kv.blocks().size();
    if (roster.reclaimableBlocks() >= missing + spare) {
      while (cache.freeBlocks() < missing + spare && roster.paused() > 0) {
        giveWay(roster.longestPaused(), step);
      }
    }
    if (cache.freeBlocks() < missing + spare || !kv.reserve(sequence.totalTokens())) {
      kv.release();
      sequence.blocksToBegin(taken + missing);
      return false;
    }
    sequence.found(found);
    return true;
  }
}
