package dev.serval.samples.policy;

import dev.serval.api.batching.EngineSnapshot;
import dev.serval.api.batching.OrderPolicy;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.batching.SequenceView;
import java.util.Optional;

/**
 * Begins those first that may generate the least, so that a short question is not kept by long
 * essays; each second of waiting counts as so many tokens less, so that essays are written at last.
 *
 * <p>With this jar beside Serval's it is there under its name: {@code
 * Serval.builder().order("shortest-answer")}, or, with the jar in {@code SERVAL_PLUGINS}, {@code
 * serval serve --order shortest-answer}.
 */
public final class ShortestAnswerFirst implements OrderPolicy, PolicyProvider {
  private static final double TOKENS_PER_NANO = 20e-9;

  /** Made by {@link java.util.ServiceLoader}, or by whoever gives it to a runtime. */
  public ShortestAnswerFirst() {}

  @Override
  public String name() {
    return "shortest-answer";
  }

  @Override
  public Optional<OrderPolicy> order() {
    return Optional.of(this);
  }

  @Override
  public int compare(SequenceView left, SequenceView right, EngineSnapshot snapshot) {
    return Double.compare(length(left, snapshot), length(right, snapshot));
  }

  private static double length(SequenceView sequence, EngineSnapshot snapshot) {
    long waited = snapshot.nowNanos() - sequence.submittedNanos();
    return sequence.remainingTokens() - waited * TOKENS_PER_NANO;
  }

  @Override
  public String toString() {
    return "the shortest answer first, with age";
  }
}
