package dev.serval.testkit;

import dev.serval.api.IsolationScope;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.DraftedSequence;

/**
 * A sequence that has its tokens and is in no engine.
 *
 * @param tokens its tokens, and behind them whatever there is
 * @param total how many tokens it has
 * @param promptTokens how many of them are its prompt's
 * @param prediction what its answer is expected to be
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody
public record DraftedText(int[] tokens, int total, int promptTokens, int[] prediction)
    implements DraftedSequence {
  @Override
  public String id() {
    return "text";
  }

  @Override
  public long submittedNanos() {
    return 0;
  }

  @Override
  public long arrival() {
    return 0;
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public IsolationScope scope() {
    return IsolationScope.HOST;
  }

  @Override
  public int totalTokens() {
    return total;
  }

  @Override
  public int computedTokens() {
    return total - 1;
  }

  @Override
  public int remainingTokens() {
    return Integer.MAX_VALUE - total;
  }

  @Override
  public int heldBlocks() {
    return 0;
  }

  @Override
  public int preemptions() {
    return 0;
  }

  @Override
  public ServiceLevel level() {
    return ServiceLevel.INTERACTIVE;
  }

  @Override
  public Tenant tenant() {
    return Tenant.HOST;
  }

  @Override
  public double tenantService() {
    return 0;
  }

  @Override
  public long deadlineNanos() {
    return Long.MAX_VALUE;
  }

  @Override
  public int cachedPromptTokens() {
    return 0;
  }

  @Override
  public long lastTokenNanos() {
    return 0;
  }

  @Override
  public long waitingSinceNanos() {
    return 0;
  }
}
