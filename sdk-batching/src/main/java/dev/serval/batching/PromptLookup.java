package dev.serval.batching;

import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.DraftedSequence;

/**
 * Guesses that a sequence goes on as its prediction does, or as it did itself, where the tokens
 * that it ends with stand there.
 */
final class PromptLookup implements DraftPolicy {
  /*
   * Drafts from a reference (Yang et al., "Inference with Reference", arXiv:2304.04487), which is what the
   * answer is expected to be and, where nothing is found there, perhaps the sequence itself. Of all places
   * where the last two tokens stand, that one counts where most of what comes before them is the same, up
   * to eight tokens; of several such the last one. One walk from the end to the beginning finds it, which
   * looks at one token of nearly all places (PromptLookupBenchmark). Of the prediction the beginning counts
   * as well while the answer has but one token.
   *
   * A place so near the end that the sequence stops before there are enough guesses is a text that has
   * begun to repeat itself. The guesses then go round.
   */
  private static final int LEAST = 2;
  private static final int ENOUGH = 8;

  private final boolean itself;

  /** Looks into predictions, and where these have nothing perhaps into the sequence itself. */
  PromptLookup(boolean itself) {
    this.itself = itself;
  }

  @Override
  public int draft(DraftedSequence sequence, int[] draft, int most) {
    int count = predicted(sequence, draft, most);
    return count == 0 && itself ? repeated(sequence, draft, most) : count;
  }

  @Override
  public boolean ofPredictionsAlone() {
    return !itself;
  }

  private static int predicted(DraftedSequence sequence, int[] draft, int most) {
    int[] prediction = sequence.prediction();
    if (prediction.length == 0) {
      return 0;
    }
    int[] tokens = sequence.tokens();
    int total = sequence.totalTokens();
    int generated = sequence.generatedTokens();
    int after;
    if (generated < LEAST) {
      after = prediction[0] == tokens[total - 1] ? 1 : 0;
    } else {
      after = lookUp(prediction, prediction.length, tokens, total, generated);
    }
    int count = after == 0 ? 0 : Math.min(most, prediction.length - after);
    System.arraycopy(prediction, after, draft, 0, count);
    return count;
  }

  private static int repeated(DraftedSequence sequence, int[] draft, int most) {
    int[] tokens = sequence.tokens();
    int total = sequence.totalTokens();
    int after = lookUp(tokens, total - 1, tokens, total, total);
    if (after == 0) {
      return 0;
    }
    for (int i = 0; i < most; i++) {
      int from = after + i;
      draft[i] = from < total ? tokens[from] : draft[from - total];
    }
    return most;
  }

  /**
   * What follows in a text where most of a sequence's end stands.
   *
   * @param text the text
   * @param length how much of it there is
   * @param tokens the sequence
   * @param total how many tokens it has
   * @param own how many of the last ones may count
   * @return the place behind, 0 if the last two tokens stand nowhere
   */
  private static int lookUp(int[] text, int length, int[] tokens, int total, int own) {
    int last = tokens[total - 1];
    int best = LEAST - 1;
    int after = 0;
    for (int end = length - 1; end >= best && best < ENOUGH; end--) {
      if (text[end] == last) {
        int most = Math.min(Math.min(ENOUGH, end + 1), own);
        int same = same(text, end, tokens, total - 1, most);
        if (same > best) {
          best = same;
          after = end + 1;
        }
      }
    }
    return after;
  }

  /** How many tokens before and at two places are the same, up to so many. */
  private static int same(int[] text, int end, int[] tokens, int last, int most) {
    int same = 1;
    while (same < most && text[end - same] == tokens[last - same]) {
      same++;
    }
    return same;
  }

  @Override
  public String toString() {
    return itself
        ? "what follows in a request's prediction or the text so far, where that has the same before"
        : "what follows in a request's prediction, where that has the same before";
  }
}
