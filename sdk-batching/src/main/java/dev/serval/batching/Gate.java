package dev.serval.batching;

import dev.serval.api.RequestRejectedException;
import dev.serval.api.RequestRejectedException.Reason;
import dev.serval.api.ServiceLevel;
import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.EngineLoad;
import dev.serval.api.batching.Refusal;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.ServiceTerms;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Lets sequences in and counts them until they end. All counts and the door are one immutable
 * tally, so a policy decides on what is true at the very moment its sequence is counted, whoever
 * else is at the gate. What the engine publishes beside it (free blocks, prefill under way, speed)
 * may be a step old.
 */
final class Gate {
  private final String engine;
  private final int totalBlocks;
  private final Quotas quotas = new Quotas();
  private final AtomicReference<Tally> state = new AtomicReference<>(Tally.EMPTY);
  private final AtomicLongArray begunTokens = new AtomicLongArray(ServiceLevel.LOWEST_RANK + 1);
  private volatile int freeBlocks;
  private volatile double prefillTokensPerSecond;
  private volatile @Nullable Throwable failure;

  Gate(String engine, int totalBlocks) {
    this.engine = engine;
    this.totalBlocks = totalBlocks;
    freeBlocks = totalBlocks;
  }

  /** Counts a sequence as waiting, or says why it must stay outside. */
  void enter(SequenceRequest request, AdmissionPolicy policy, long nowNanos) {
    Applicant applicant = Applicant.of(request);
    long tokens = tokens(applicant);
    throwIfAny(quotas.take(request.terms().tenant(), tokens, nowNanos));
    boolean entered = false;
    try {
      count(applicant, policy);
      entered = true;
    } finally {
      if (!entered) {
        quotas.giveBack(request.terms().tenant(), tokens, nowNanos);
      }
    }
  }

  private void count(Applicant applicant, AdmissionPolicy policy) {
    Tally now;
    do {
      now = state.get();
      requireOpen(now);
      throwIfAny(refusal(applicant, policy, load(now)));
    } while (!state.compareAndSet(
        now, now.came(rank(applicant.terms()), applicant.promptTokens())));
  }

  /** Counts a sequence of a request that was let in, unless the gate is shut. */
  void enterFurther(SequenceRequest request, long nowNanos) {
    int rank = rank(request.terms());
    state.updateAndGet(now -> {
      requireOpen(now);
      return now.came(rank, request.prompt().length);
    });
    quotas.charge(request.terms().tenant(), tokens(Applicant.of(request)), nowNanos);
  }

  /** Says why a sequence would have to stay outside now, and counts nothing. */
  void require(Applicant applicant, AdmissionPolicy policy, long nowNanos) {
    Tally now = state.get();
    requireOpen(now);
    throwIfAny(quotas.refusal(applicant.terms().tenant(), tokens(applicant), nowNanos));
    throwIfAny(refusal(applicant, policy, load(now)));
  }

  private static @Nullable Refusal refusal(
      Applicant applicant, AdmissionPolicy policy, EngineLoad load) {
    ServiceTerms terms = applicant.terms();
    long predicted = load.predictedTtftNanos(applicant.promptTokens(), rank(terms));
    if (predicted > terms.deadlineNanos()) {
      return new Refusal(
          Reason.DEADLINE,
          "the first token is about %d ms away, and the request's deadline only %d ms"
              .formatted(predicted / 1_000_000, terms.deadlineNanos() / 1_000_000),
          Duration.ofNanos(predicted - terms.deadlineNanos()));
    }
    Optional<Refusal> refusal = policy.refusal(applicant, load);
    return refusal.orElse(null);
  }

  private static void throwIfAny(@Nullable Refusal refusal) {
    if (refusal != null) {
      throw refusal.exception();
    }
  }

  private void requireOpen(Tally now) {
    if (now.shut) {
      throw closing();
    }
  }

  private static long tokens(Applicant applicant) {
    return (long) applicant.promptTokens() + applicant.maxTokens().orElse(1);
  }

  private static int rank(ServiceTerms terms) {
    return terms.level().rank();
  }

  /** A waiting sequence has begun, with so many tokens outstanding. */
  void began(int rank, int tokens) {
    state.updateAndGet(now -> now.began(rank, tokens));
  }

  /** A running sequence waits again, with so many tokens outstanding. */
  void gaveWay(int rank, int tokens) {
    state.updateAndGet(now -> now.gaveWay(rank, tokens));
  }

  /** A waiting sequence has ended, with so many tokens outstanding. */
  void endedWaiting(int rank, int tokens) {
    state.updateAndGet(now -> now.endedWaiting(rank, tokens));
  }

  void endedRunning() {
    state.updateAndGet(Tally::endedRunning);
  }

  /** Gives back what a sequence that has ended did not use of its tenant's quota. */
  void giveBack(SequenceRequest request, int generated, long nowNanos) {
    quotas.giveBack(request.terms().tenant(), request.maxTokens() - generated, nowNanos);
  }

  void freeBlocks(int count) {
    if (freeBlocks != count) {
      freeBlocks = count;
    }
  }

  /** The prefill of a rank that is under way has become more, or less. By the engine alone. */
  void begunTokens(int rank, int change) {
    begunTokens.setRelease(rank, begunTokens.getPlain(rank) + change);
  }

  void prefillTokensPerSecond(double speed) {
    prefillTokensPerSecond = speed;
  }

  /** Lets nobody in any more. */
  void shut() {
    state.updateAndGet(Tally::closed);
  }

  void shut(Throwable cause) {
    failure = cause;
    shut();
  }

  boolean isEmpty() {
    Tally now = state.get();
    return now.waiting == 0 && now.running == 0;
  }

  EngineLoad load() {
    return load(state.get());
  }

  private EngineLoad load(Tally now) {
    List<EngineLoad.Queue> queues = new ArrayList<>(now.sequences.length);
    for (int rank = 0; rank < now.sequences.length; rank++) {
      long begun = begunTokens.getAcquire(rank);
      queues.add(
          now.sequences[rank] == 0 && begun == 0
              ? EngineLoad.Queue.EMPTY
              : new EngineLoad.Queue(now.sequences[rank], now.tokens[rank], begun));
    }
    return new EngineLoad(
        now.waiting, now.running, freeBlocks, totalBlocks, queues, prefillTokensPerSecond);
  }

  private RequestRejectedException closing() {
    Throwable cause = failure;
    RequestRejectedException refusal =
        new RequestRejectedException(
            Reason.CLOSING,
            cause == null
                ? "the engine " + engine + " is closing and takes no more sequences"
                : "the engine " + engine + " has failed and takes no more sequences: " + cause,
            null);
    if (cause != null) {
      refusal.initCause(cause);
    }
    return refusal;
  }

  /**
   * Who waits and who runs, and whether the door is shut.
   *
   * @param waiting how many wait
   * @param running how many hold blocks
   * @param shut whether nobody else comes in
   * @param sequences those that wait, by rank
   * @param tokens what those have to compute, by rank
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody, changed by nobody
  private record Tally(int waiting, int running, boolean shut, int[] sequences, long[] tokens) {
    private static final int RANKS = ServiceLevel.LOWEST_RANK + 1;
    static final Tally EMPTY = new Tally(0, 0, false, new int[RANKS], new long[RANKS]);

    Tally came(int rank, int count) {
      return changed(rank, 1, count, 0);
    }

    Tally began(int rank, int count) {
      return changed(rank, -1, -count, 1);
    }

    Tally gaveWay(int rank, int count) {
      return changed(rank, 1, count, -1);
    }

    Tally endedWaiting(int rank, int count) {
      return changed(rank, -1, -count, 0);
    }

    Tally endedRunning() {
      return new Tally(waiting, running - 1, shut, sequences, tokens);
    }

    Tally closed() {
      return new Tally(waiting, running, true, sequences, tokens);
    }

    private Tally changed(int rank, int more, int moreTokens, int moreRunning) {
      int[] newSequences = sequences.clone();
      long[] newTokens = tokens.clone();
      newSequences[rank] += more;
      newTokens[rank] += moreTokens;
      return new Tally(waiting + more, running + moreRunning, shut, newSequences, newTokens);
    }
  }
}
