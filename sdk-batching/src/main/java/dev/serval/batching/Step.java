package dev.serval.batching;

import dev.serval.api.ServiceLevel;
import dev.serval.api.batching.StepCosts;
import dev.serval.api.batching.StepPlan;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import java.util.Arrays;

/** One step: first a plan that can still change, then the batch that is computed. Reused. */
final class Step implements StepPlan {
  private final StepLimits limits;
  private final Holders holders;
  private final StepBatch batch;
  private final int[] members;
  private final long[] due = new long[ServiceLevel.LOWEST_RANK + 1];
  private long beginNanos;
  private int tokens;
  private int sequences;
  private int decodes;
  private int draftTokens;
  private int prefillTokens;
  private long cachedTokens;
  private double attentionPairs;

  Step(StepLimits limits, Holders holders) {
    this.limits = limits;
    this.holders = holders;
    batch = new StepBatch(limits.tokens(), limits.sequences());
    members = new int[limits.sequences()];
    Arrays.fill(due, Long.MAX_VALUE);
  }

  void clear() {
    for (int i = 0; i < batch.sequences(); i++) {
      holders.plan(members[i], 0);
    }
    batch.rewind();
    tokens = 0;
    sequences = 0;
    decodes = 0;
    draftTokens = 0;
    prefillTokens = 0;
    cachedTokens = 0;
    attentionPairs = 0;
    Arrays.fill(due, Long.MAX_VALUE);
  }

  /** No step follows for a while: what belongs to sequences that have ended is let go of. */
  void rest() {
    batch.clear();
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
  public int draftTokens() {
    return draftTokens;
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

  /** Takes so many tokens in of the sequence at a place. */
  void include(int place, int count) {
    boolean waits = count == 1 || count == holders.sequence(place).outstanding();
    holders.plan(place, count);
    sequences++;
    weigh(place, count, 1);
    if (waits) {
      fallsDue(place);
    }
  }

  void exclude(int place) {
    int count = holders.planned(place);
    if (count > 0) {
      sequences--;
      weigh(place, count, -1);
      holders.plan(place, 0);
    }
  }

  /** Has a decode compute so many tokens more, which lie behind those of its sequence. */
  void draft(int place, int count) {
    holders.plan(place, 1 + count);
    tokens += count;
    draftTokens += count;
  }

  /** The tokens by which unfinished prefills become less, those found in the cache included. */
  int prefillTokens() {
    return prefillTokens;
  }

  /** So many tokens of a sequence that begins were found in the cache. */
  void found(int count) {
    prefillTokens += count;
  }

  private void weigh(int place, int count, int sign) {
    int cached = holders.computed(place);
    tokens += sign * count;
    cachedTokens += (long) sign * cached;
    prefillTokens += holders.isPrefill(place) ? sign * count : 0;
    if (count == 1) {
      decodes += sign;
    } else {
      attentionPairs += sign * StepCosts.pairs(cached, count);
    }
  }

  /**
   * One that is late, or was kept from decoding, asks for a quick step, not for an empty one. One
   * whose prompt ends here waits from now on.
   */
  private void fallsDue(int place) {
    long target = holders.targetNanos(place);
    if (target != Long.MAX_VALUE) {
      int rank = holders.rank(place);
      long next = Math.min(holders.dueNanos(place), beginNanos + target);
      due[rank] = Math.min(due[rank], Math.max(next, beginNanos + target / 2));
    }
  }

  /** Lays out the rows of everything that was included, in the order in which it began. */
  void assemble(ModelExecutor executor) {
    for (int i = 0; i < holders.size(); i++) {
      int place = holders.place(i);
      int count = holders.planned(place);
      if (count > 0) {
        members[add(place, count, executor)] = place;
      }
    }
  }

  private int add(int place, int count, ModelExecutor executor) {
    TokenSampler sampler = holders.sampler(place);
    if (holders.isDecode(place) && sampler != null) {
      BlockTable table = holders.table(place);
      int from = holders.computed(place);
      return count == 1
          ? batch.addDecode(holders.nextToken(place), from, table, sampler)
          : batch.addDraft(holders.sequence(place).tokens(), from, count, table);
    }
    return add(holders.sequence(place), count, executor);
  }

  private int add(Sequence sequence, int count, ModelExecutor executor) {
    int from = sequence.computedTokens();
    BlockTable table = sequence.kv().blocks();
    return count == sequence.outstanding()
        ? batch.add(sequence.tokens(), from, count, table, sequence.sampler(executor))
        : batch.add(sequence.tokens(), from, count, table, false);
  }

  StepBatch batch() {
    return batch;
  }

  /** One of the sequences of the batch, as long as that has not ended. */
  Sequence member(int index) {
    return holders.sequence(members[index]);
  }

  /** Whether one of the batch's sequences has not answered yet. */
  boolean prefills(int index) {
    return holders.isPrefill(members[index]);
  }

  /** How many tokens of one of the batch's sequences it computes, its drafted ones aside. */
  int planned(int index) {
    return batch.firstRow(index + 1) - batch.firstRow(index) - drafted(index);
  }

  /** How many drafted tokens of one of the batch's sequences it computes. */
  int drafted(int index) {
    return Math.max(batch.wantedRows(index) - 1, 0);
  }

  /** How many tokens of any sequence it computes, its drafted ones aside. */
  int planned(Sequence sequence) {
    int place = sequence.place();
    if (place == Holders.NOWHERE) {
      return 0;
    }
    int planned = holders.planned(place);
    return holders.isDecode(place) ? Math.min(planned, 1) : planned;
  }
}
