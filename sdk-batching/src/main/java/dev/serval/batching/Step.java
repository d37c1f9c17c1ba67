package dev.serval.batching;

import dev.serval.api.ServiceLevel;
import dev.serval.api.batching.StepCosts;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One step: first a plan that can still change, then the batch that is computed. Reused. */
final class Step implements StepPlan {
  private final StepLimits limits;
  private final StepBatch batch;
  private final List<Sequence> members;
  private final long[] due = new long[ServiceLevel.LOWEST_RANK + 1];
  private long beginNanos;
  private int tokens;
  private int sequences;
  private int decodes;
  private int prefillTokens;
  private long cachedTokens;
  private double attentionPairs;

  Step(StepLimits limits) {
    this.limits = limits;
    batch = new StepBatch(limits.tokens(), limits.sequences());
    members = new ArrayList<>(limits.sequences());
    Arrays.fill(due, Long.MAX_VALUE);
  }

  void clear() {
    batch.clear();
    members.clear();
    tokens = 0;
    sequences = 0;
    decodes = 0;
    prefillTokens = 0;
    cachedTokens = 0;
    attentionPairs = 0;
    Arrays.fill(due, Long.MAX_VALUE);
  }

  /** A plan begins, at a reading of the engine's clock. */
  void begin(long nanos) {
    beginNanos = nanos;
  }

  @Override
  public int tokens() {
    return tokens;
  }

  @Override
  public int sequences() {
    return sequences;
  }

  @Override
  public int decodes() {
    return decodes;
  }

  @Override
  public long cachedTokens() {
    return cachedTokens;
  }

  @Override
  public double attentionPairs() {
    return attentionPairs;
  }

  @Override
  public long dueNanos(int rank) {
    long first = Long.MAX_VALUE;
    for (int i = 0; i <= rank; i++) {
      first = Math.min(first, due[i]);
    }
    return first;
  }

  boolean isEmpty() {
    return sequences == 0;
  }

  /** How many more tokens of one more sequence it can take. */
  int room() {
    return sequences < limits.sequences() ? limits.tokens() - tokens : 0;
  }

  void include(Sequence sequence, int count) {
    sequence.plan(count);
    sequences++;
    weigh(sequence, 1);
    if (count == 1) {
      fallsDue(sequence);
    }
  }

  void exclude(Sequence sequence) {
    if (sequence.planned() > 0) {
      sequences--;
      weigh(sequence, -1);
      sequence.plan(0);
    }
  }

  /** The tokens by which unfinished prefills become less, those found in the cache included. */
  int prefillTokens() {
    return prefillTokens;
  }

  /** So many tokens of a sequence that begins were found in the cache. */
  void found(int count) {
    prefillTokens += count;
  }

  private void weigh(Sequence sequence, int sign) {
    int count = sequence.planned();
    int cached = sequence.computedTokens();
    tokens += sign * count;
    cachedTokens += (long) sign * cached;
    prefillTokens += sequence.unfinishedPrefill() > 0 ? sign * count : 0;
    if (count == 1) {
      decodes += sign;
    } else {
      attentionPairs += sign * StepCosts.pairs(cached, count);
    }
  }

  /** One that is late, or was kept from decoding, asks for a quick step, not for an empty one. */
  private void fallsDue(Sequence sequence) {
    long target = sequence.tpotNanos();
    if (target != Long.MAX_VALUE && sequence.generatedTokens() > 0) {
      int rank = sequence.rank();
      long next = Math.max(sequence.lastTokenNanos() + target, beginNanos + target / 2);
      due[rank] = Math.min(due[rank], next);
    }
  }

  /** Lays out the rows of everything that was included, in the order in which it began. */
  StepBatch assemble(Roster roster, ModelExecutor executor) {
    for (int i = 0; i < roster.running(); i++) {
      Sequence sequence = roster.running(i);
      int count = sequence.planned();
      if (count > 0) {
        add(sequence, count, executor);
        members.add(sequence);
      }
    }
    return batch;
  }

  private void add(Sequence sequence, int count, ModelExecutor executor) {
    boolean last = count == sequence.outstanding();
    TokenSampler sampler = last ? samplerIfAny(sequence, executor) : null;
    int from = sequence.computedTokens();
    if (sampler == null) {
      batch.add(sequence.tokens(), from, count, sequence.kv().blocks(), last);
    } else {
      batch.add(sequence.tokens(), from, count, sequence.kv().blocks(), sampler);
    }
  }

  /** A sampler that cannot be had fails its sequence once the token is to be drawn. */
  private static @Nullable TokenSampler samplerIfAny(Sequence sequence, ModelExecutor executor) {
    try {
      return sequence.sampler(executor);
    } catch (RuntimeException | Error e) {
      return null;
    }
  }

  StepBatch batch() {
    return batch;
  }

  Sequence member(int index) {
    return members.get(index);
  }
}
