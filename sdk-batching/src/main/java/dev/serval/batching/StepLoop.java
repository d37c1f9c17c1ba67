package dev.serval.batching;

import dev.serval.api.FinishReason;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvStatistics;
import dev.serval.api.compute.Logits;
import dev.serval.api.model.ModelExecutor;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * An engine's work, one step at a time. It has no thread of its own: whoever drives it calls it
 * from one thread alone.
 */
final class StepLoop {
  private final Inbox inbox;
  private final Gate gate;
  private final ModelExecutor executor;
  private final KvCache cache;
  private final EngineListener listener;
  private final LongSupplier clock;
  private final StepCostModel costs;
  private final PrefillSpeed speed = new PrefillSpeed();
  private final Explanations explanations;
  private final Step step;
  private final Roster roster;
  private final BatchPlanner planner;
  private final Drafting drafting;
  private final Endings endings;
  private final TokenDelivery delivery;
  private @Nullable SequenceHandle received;
  private KvStatistics.Swap told = KvStatistics.Swap.NONE;
  private long movedBlocks;

  StepLoop(EngineOptions options, Inbox inbox, Gate gate) {
    this.inbox = inbox;
    this.gate = gate;
    executor = options.executor();
    cache = options.cache();
    clock = options.nanoClock();
    listener =
        options.listener().equals(EngineListener.NONE)
            ? EngineListener.NONE
            : new CarefulListener(options.listener());
    Policies policies = new Policies(options.policies());
    costs = new StepCostModel();
    explanations = new Explanations(costs, clock);
    roster = new Roster(cache, options.limits(), policies, gate, costs);
    roster.tick(clock.getAsLong());
    step = new Step(options.limits(), roster.holders());
    planner = new BatchPlanner(cache, options.limits(), policies, roster, listener);
    drafting = new Drafting(executor, options.limits(), cache, policies, roster);
    endings = new Endings(roster, listener, clock);
    delivery = new TokenDelivery(executor, roster, endings, listener, clock);
  }

  /**
   * Does what callers asked for, and then a step if any sequence can run.
   *
   * @return whether there was a step; if not, only callers can bring work
   */
  boolean work() {
    receive();
    endExpired();
    if (roster.isIdle()) {
      step.rest();
      return false;
    }
    return step();
  }

  /**
   * Works as {@link #work} does, for a driver that has other things to do between two calls, so
   * that its time is told from the engine's own.
   *
   * @return whether there was a step
   */
  boolean workWhenCalled() {
    explanations.cameBack();
    boolean worked = work();
    explanations.leftEngine();
    return worked;
  }

  /** When there may be something to do though no caller asks for it; a reading of the clock. */
  long nextDeadline() {
    return roster.nextDeadline();
  }

  private void endExpired() {
    if (roster.nextDeadline() == Long.MAX_VALUE) {
      return;
    }
    long now = clock.getAsLong();
    for (Sequence late = roster.expired(now); late != null; late = roster.expired(now)) {
      endings.finish(late, FinishReason.DEADLINE);
    }
  }

  /** Ends every sequence there is, and those of callers that have passed the gate already. */
  void end(@Nullable Throwable failure) {
    while (!gate.isEmpty()) {
      try {
        receive();
        endings.endAll(failure);
      } catch (RuntimeException | Error e) {
        CarefulListener.report(e);
      }
      Thread.onSpinWait();
    }
  }

  private void receive() {
    do {
      while (received != null) {
        SequenceHandle handle = received;
        received = handle.next;
        handle.next = null;
        grant(handle.takeWishes(), handle.sequence);
      }
      received = inbox.takeAll();
    } while (received != null);
  }

  private void grant(int wishes, Sequence sequence) {
    if ((wishes & SequenceHandle.SUBMIT) != 0) {
      arrive(sequence);
    }
    if ((wishes & SequenceHandle.CANCEL) != 0 && sequence.state() != SequenceState.ENDED) {
      endings.cancel(sequence);
    } else if ((wishes & SequenceHandle.RESUME) != 0) {
      roster.resume(sequence);
    }
  }

  private void arrive(Sequence sequence) {
    try {
      roster.arrive(sequence);
      explanations.arrived(sequence);
    } catch (OutOfMemoryError e) {
      endings.fail(sequence, e);
    }
  }

  private boolean step() {
    long begin = clock.getAsLong();
    roster.tick(begin);
    step.begin(begin);
    try {
      takeStep(begin);
    } catch (Policies.PolicyFailure | OutOfMemoryError e) {
      startOver(e);
    } finally {
      step.clear();
    }
    return true;
  }

  private void takeStep(long begin) {
    planner.plan(step);
    drafting.plan(step, planner.leavesBlocks());
    if (step.isEmpty()) {
      throw new IllegalStateException(
          roster.waiting() + " sequences wait, none runs, and none finds room in the KV cache");
    }
    step.assemble(executor);
    boolean computed = compute(begin);
    cache.arrive();
    if (computed) {
      learn(clock.getAsLong() - begin);
    }
    gate.freeBlocks(cache.freeBlocks());
  }

  private void learn(long nanos) {
    costs.observe(
        step.cachedTokens(), step.chunkTokens(), step.attentionPairs(), step.decodeRows(), nanos);
    if (step.prefillTokens() > 0 || roster.waiting() > 0) {
      speed.observe(step.prefillTokens(), nanos);
      gate.prefillTokensPerSecond(speed.tokensPerSecond());
    }
    listener.step(step, nanos);
    tellSwap();
  }

  private void tellSwap() {
    if (cache.movedBlocks() != movedBlocks) {
      movedBlocks = cache.movedBlocks();
      KvStatistics.Swap now = cache.statistics().swap();
      listener.swapped(now.since(told));
      told = now;
    }
  }

  /** With nothing planned, nothing is half done: without its sequences the engine is as new. */
  private void startOver(Throwable failure) {
    endings.endAll(failure);
    cache.arrive();
    if (cache.freeBlocks() != cache.totalBlocks()) {
      throw new IllegalStateException(
          "no sequence is left, but only %d of %d KV blocks are free"
              .formatted(cache.freeBlocks(), cache.totalBlocks()),
          failure);
    }
  }

  private boolean compute(long begin) {
    Logits logits;
    try {
      announceBeginners(begin);
      logits = execute();
    } catch (RuntimeException | Error e) {
      for (int i = 0; i < step.sequences(); i++) {
        endings.fail(step.member(i), e);
      }
      return false;
    }
    explanations.computed(step, begin);
    delivery.deliver(step, logits);
    explanations.stepEnded();
    return true;
  }

  private Logits execute() {
    Logits logits = executor.execute(step.batch());
    if (logits.rows() != step.batch().logitRows()) {
      throw new IllegalStateException(
          "the executor gave %d rows of logits where %d were wanted"
              .formatted(logits.rows(), step.batch().logitRows()));
    }
    return logits;
  }

  private void announceBeginners(long begin) {
    for (int i = 0; i < step.sequences() && step.prefillTokens() > 0; i++) {
      if (step.prefills(i)) {
        announce(step.member(i), begin);
      }
    }
  }

  private void announce(Sequence sequence, long begin) {
    if (sequence.begin(begin)) {
      sequence.chargePrompt();
      listener.started(sequence, begin - sequence.submittedNanos());
    }
  }
}
