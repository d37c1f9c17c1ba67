package dev.serval.runtime;

import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.model.StepLimits;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.batching.OrderPolicies;
import dev.serval.batching.VictimPolicies;
import java.util.Optional;

/**
 * How steps are put together.
 *
 * @param limits how large a step can be
 * @param policies who decides about it
 * @param admission what the admission policy does, in words
 * @param order what the order policy does
 * @param chunk what the chunk policy does
 * @param victim what the victim policy does
 */
record BatchOptions(
    StepLimits limits,
    BatchingPolicies policies,
    String admission,
    String order,
    String chunk,
    String victim) {
  private static final int STEP_TOKENS = 512;
  private static final int CHUNK_TOKENS = 256;
  private static final int WAITING = 1024;

  /** Checks the options; what it returns is of use only if no problem was found. */
  static Optional<BatchOptions> conclude(ServingRuntimeBuilder b, Problems problems) {
    int step = b.maxStepTokens == null ? Math.max(STEP_TOKENS, b.maxRunning) : b.maxStepTokens;
    int chunk = chunkTokens(b, step);
    int waiting = b.maxWaiting == null ? WAITING : b.maxWaiting;
    problems.requireWithin("maxRunning", b.maxRunning, 1, 1 << 16);
    problems.requireWithin("maxStepTokens", step, 1, 1 << 20);
    problems.requireWithin("maxWaiting", waiting, 1, Integer.MAX_VALUE);
    problems.requireWithin("chunkTokens", chunk, 1, Integer.MAX_VALUE);
    problems.requireOne("maxWaiting", b.maxWaiting != null, "admission", b.admission != null);
    problems.requireOne("chunkTokens", b.chunkTokens != null, "chunk", b.chunk != null);
    if (step < b.maxRunning) {
      problems.add(
          "maxStepTokens",
          "%d tokens are too few for %d running sequences, which take one each"
              .formatted(step, b.maxRunning));
    } else if (chunk > step) {
      problems.add(
          "chunkTokens", "%d tokens are more than the %d of a step".formatted(chunk, step));
    }
    boolean possible = b.maxRunning >= 1 && step >= b.maxRunning && waiting >= 1 && chunk >= 1;
    return possible ? Optional.of(of(b, step, waiting, chunk)) : Optional.empty();
  }

  private static int chunkTokens(ServingRuntimeBuilder b, int step) {
    return b.chunkTokens == null
        ? Math.min(Math.max(CHUNK_TOKENS, b.maxRunning), step)
        : b.chunkTokens;
  }

  private static BatchOptions of(ServingRuntimeBuilder b, int step, int waiting, int chunk) {
    BatchingPolicies policies =
        new BatchingPolicies(
            b.admission == null ? AdmissionPolicies.maxWaiting(waiting) : b.admission,
            b.order == null ? OrderPolicies.firstComeFirstServed() : b.order,
            b.chunk == null ? ChunkPolicies.fixedBudget(chunk) : b.chunk,
            b.victim == null ? VictimPolicies.lastIn() : b.victim);
    return new BatchOptions(
        new StepLimits(step, b.maxRunning),
        policies,
        b.admission == null ? "up to " + waiting + " requests wait" : given(b.admission),
        b.order == null ? "first come, first served" : given(b.order),
        b.chunk == null ? "steps filled up to " + chunk + " tokens" : given(b.chunk),
        b.victim == null ? "the last to begin" : given(b.victim));
  }

  /** A policy's words for itself, or the name of its class: never an address. */
  private static String given(Object policy) {
    String own = policy.toString();
    String name = policy.getClass().getName();
    if (!own.startsWith(name + "@")) {
      return own;
    }
    int lambda = name.indexOf("$$Lambda");
    String named = lambda < 0 ? name : name.substring(0, lambda);
    return "given by " + named.substring(named.lastIndexOf('.') + 1);
  }
}
