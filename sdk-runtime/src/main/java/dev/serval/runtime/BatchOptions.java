package dev.serval.runtime;

import dev.serval.api.batching.AdmissionPolicy;
import dev.serval.api.batching.BatchingPolicies;
import dev.serval.api.batching.ChunkPolicy;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.batching.VictimPolicy;
import dev.serval.api.model.StepLimits;
import dev.serval.runtime.PolicyCatalogue.Named;
import java.util.List;

/**
 * How steps are put together.
 *
 * @param limits how large a step can be
 * @param policies who decides about it
 * @param admission what the admission policy does, in words
 * @param order what the order policy does
 * @param chunk what the chunk policy does
 * @param victim what the victim policy does
 * @param draft what the draft policy does
 */
record BatchOptions(
    StepLimits limits,
    BatchingPolicies policies,
    String admission,
    String order,
    String chunk,
    String victim,
    String draft) {
  private static final int STEP_TOKENS = 512;
  private static final int CHUNK_TOKENS = 256;
  private static final int WAITING = 1024;
  private static final int DRAFT_TOKENS = 16;

  /** Checks the options; what it returns is of use only if no problem was found. */
  static BatchOptions conclude(
      ServingRuntimeBuilder b, List<PolicyProvider> providers, Problems problems) {
    int step = b.maxStepTokens == null ? Math.max(STEP_TOKENS, b.maxRunning) : b.maxStepTokens;
    int chunk = chunkTokens(b, step);
    int waiting = b.maxWaiting == null ? WAITING : b.maxWaiting;
    problems.requireWithin("maxRunning", b.maxRunning, 1, 1 << 16);
    problems.requireWithin("maxStepTokens", step, 1, 1 << 20);
    problems.requireWithin("maxWaiting", waiting, 1, Integer.MAX_VALUE);
    problems.requireWithin("chunkTokens", chunk, 1, Integer.MAX_VALUE);
    problems.requireOne("maxWaiting", b.maxWaiting != null, "admission", b.admission.isGiven());
    problems.requireOne(
        "maxWaitingTokens", b.maxWaitingTokens != null, "admission", b.admission.isGiven());
    problems.requireOne("chunkTokens", b.chunkTokens != null, "chunk", b.chunk.isGiven());
    if (b.maxWaitingTokens != null && b.maxWaitingTokens < 1) {
      problems.add("maxWaitingTokens", "the value is 1 or more, unlike " + b.maxWaitingTokens);
    }
    if (step < b.maxRunning) {
      problems.add(
          "maxStepTokens",
          "%d tokens are too few for %d running sequences, which take one each"
              .formatted(step, b.maxRunning));
    } else if (chunk > step) {
      problems.add(
          "chunkTokens", "%d tokens are more than the %d of a step".formatted(chunk, step));
    }
    PolicyCatalogue catalogue =
        new PolicyCatalogue(
            providers,
            Math.max(waiting, 1),
            b.maxWaitingTokens == null ? null : Math.max(b.maxWaitingTokens, 1),
            Math.max(chunk, 1),
            problems);
    return of(b, Math.max(step, 1), catalogue, problems);
  }

  private static int chunkTokens(ServingRuntimeBuilder b, int step) {
    return b.chunkTokens == null
        ? Math.min(Math.max(CHUNK_TOKENS, b.maxRunning), step)
        : b.chunkTokens;
  }

  private static BatchOptions of(
      ServingRuntimeBuilder b, int step, PolicyCatalogue catalogue, Problems problems) {
    Named<AdmissionPolicy> admission = catalogue.admission(b.admission);
    Named<OrderPolicy> order = catalogue.order(b.order);
    Named<ChunkPolicy> chunk =
        catalogue.chunk(b.chunkTokens == null ? b.chunk : new PolicyWish.ByName<>("fixed"));
    Named<VictimPolicy> victim = catalogue.victim(b.victim);
    Named<DraftPolicy> draft = catalogue.draft(b.draft);
    int drafts = draftTokens(b, step, draft.policy(), problems);
    return new BatchOptions(
        new StepLimits(step, Math.clamp(b.maxRunning, 1, step), drafts),
        new BatchingPolicies(
            admission.policy(), order.policy(), chunk.policy(), victim.policy(), draft.policy()),
        admission.words(),
        order.words(),
        chunk.words(),
        victim.words(),
        draft.words());
  }

  private static int draftTokens(
      ServingRuntimeBuilder b, int step, DraftPolicy policy, Problems problems) {
    int most = step - 1;
    if (b.draftTokens != null) {
      problems.requireWithin("draftTokens", b.draftTokens, 1, Math.max(most, 1));
    }
    int wanted = b.draftTokens == null ? DRAFT_TOKENS : b.draftTokens;
    return policy.equals(DraftPolicy.NONE) ? 0 : Math.clamp(wanted, 0, most);
  }
}
