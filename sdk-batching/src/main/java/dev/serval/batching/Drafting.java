package dev.serval.batching;

import dev.serval.api.ServiceLevel;
import dev.serval.api.cache.KvCache;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.StepLimits;

/** Has decodes compute tokens that may follow them, as many as are worth their time. */
final class Drafting {
  /*
   * Speculative decoding (Leviathan, Kalman, Matias, "Fast Inference from Transformers via Speculative
   * Decoding", arXiv:2211.17192) with one difference: a drafted token is not accepted with a probability,
   * but where the sequence's own sampler draws the same from the same scores. A row's scores do not depend
   * on what else is in its step, and a sampler takes one random number for each token that it gives; so
   * a sequence has the very tokens that it would have without drafts, greedy or not.
   *
   * How many are worth it? A step of decodes is bound by the weights it reads, so one row more takes
   * little, until there are so many that it is bound by computing. What a row takes is what the engine
   * has learned of decodes (StepCosts), d. The i-th guess of a sequence is right if all before it are,
   * with a probability of p^i, where p is how often its guesses were right of late. With it the step
   * gives N + p^i tokens in T + d in place of N in T, which is worth it as long as
   *
   *     p^i · T > N · d
   *
   * So one sequence drafts much, many draft little or nothing, and one whose guesses are wrong stops
   * drafting. What is thought of it goes back to what was thought at first while it does not, and so it
   * tries again now and then.
   *
   * No step that keeps the targets of its decodes misses them for drafts; one that misses them without may
   * have some, since several tokens at once are what is left to be sooner by. None that has chunks, which are
   * bound by computing, has any, and none for which a block would have to be taken from who runs.
   */
  private final StepLimits limits;
  private final KvCache cache;
  private final Policies policies;
  private final Roster roster;
  private final Holders holders;
  private final int vocabulary;
  private final boolean drafts;
  private final boolean asksOfAll;
  private final int[] draft;
  private double tokens;
  private double stepNanos;
  private double rowNanos;
  private boolean takesBlocks;

  Drafting(
      ModelExecutor executor, StepLimits limits, KvCache cache, Policies policies, Roster roster) {
    this.limits = limits;
    this.cache = cache;
    this.policies = policies;
    this.roster = roster;
    holders = roster.holders();
    drafts = policies.drafts() && limits.draftTokens() > 0 && executor.verifiesDrafts();
    asksOfAll = !policies.draftsPredictionsAlone();
    vocabulary = drafts ? executor.spec().vocabulary() : 0;
    draft = new int[drafts ? limits.draftTokens() : 0];
  }

  /**
   * Adds drafts to a step that is planned otherwise.
   *
   * @param step the step
   * @param takes whether they may take free blocks
   */
  void plan(Step step, boolean takes) {
    if (!drafts || step.decodes() == 0 || step.chunkTokens() > 0) {
      return;
    }
    takesBlocks = takes;
    tokens = step.decodes();
    weigh(step);
    for (int i = 0; i < holders.size() && room(step) > 0; i++) {
      int place = holders.place(i);
      if (isAskedAbout(place)) {
        draft(holders.sequence(place), step);
      }
    }
  }

  private boolean isAskedAbout(int place) {
    return (asksOfAll || holders.isPredicted(place))
        && holders.planned(place) == 1
        && holders.isDecode(place)
        && holders.sampler(place) != null;
  }

  /** What the step takes as it is, and what one row more does. */
  private void weigh(Step step) {
    int rows = step.decodeRows();
    stepNanos = roster.costs().predictNanos(step);
    rowNanos = roster.costs().predictNanos(step.cachedTokens(), 0, 0, rows + 1) - stepNanos;
  }

  private int room(Step step) {
    return Math.min(limits.tokens() - step.tokens(), draft.length - step.draftTokens());
  }

  private void draft(Sequence sequence, Step step) {
    int most = Math.min(Math.min(worth(sequence), room(step)), sequence.remainingTokens() - 1);
    if (most <= 0) {
      return;
    }
    int count = policies.draft(sequence, draft, most, vocabulary);
    count = count == 0 ? 0 : Math.min(count, inTime(step));
    count = count == 0 ? 0 : Math.min(count, blocks(sequence, count));
    if (count > 0) {
      sequence.draft(draft, count);
      step.draft(sequence.place(), count);
      tokens += sequence.guesses().likely(count);
      weigh(step);
    }
  }

  /** How many guesses of a sequence give more than they take. */
  private int worth(Sequence sequence) {
    double least = tokens * rowNanos / Math.max(stepNanos, 1);
    return sequence.guesses().likelierThan(least, draft.length);
  }

  /** How many more rows there is time for; any number where the step is too late without. */
  private int inTime(Step step) {
    long due = step.dueNanos(ServiceLevel.LOWEST_RANK);
    if (due == Long.MAX_VALUE) {
      return Integer.MAX_VALUE;
    }
    double left = (due - roster.nowNanos()) / roster.costs().slack() - stepNanos;
    return left <= 0
        ? Integer.MAX_VALUE
        : (int) Math.min(left / Math.max(rowNanos, 1), Integer.MAX_VALUE);
  }

  /** For how many guesses a sequence has room in its blocks, or in one more that nobody needs. */
  private int blocks(Sequence sequence, int wanted) {
    int total = sequence.totalTokens();
    boolean free = takesBlocks && cache.freeBlocks() > roster.active();
    return free && sequence.kv().reserve(total + wanted) ? wanted : sequence.kv().room() - total;
  }
}
