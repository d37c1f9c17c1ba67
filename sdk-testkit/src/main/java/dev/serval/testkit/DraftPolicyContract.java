package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.SequenceView;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What every {@link DraftPolicy} does. */
public abstract class DraftPolicyContract {
  private static final int ROUNDS = 2_000;
  private static final int NO_TOKEN = -7;

  private Random random = new Random();

  /** Made by JUnit. */
  protected DraftPolicyContract() {}

  /**
   * The policy under test.
   *
   * @return the policy
   */
  protected abstract DraftPolicy policy();

  /**
   * How many tokens the model has for which it guesses.
   *
   * @return the size of its vocabulary
   */
  protected int vocabulary() {
    return 5;
  }

  @BeforeEach
  void seed(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    random = new Random(seed);
  }

  private SequenceView sequence() {
    return PolicyScene.random(random, 0, 1).running(0);
  }

  /** Tokens of a sequence, behind which lies what is none. */
  private int[] tokens(SequenceView sequence) {
    int[] tokens = random.ints(sequence.totalTokens(), 0, vocabulary()).toArray();
    int[] roomy = Arrays.copyOf(tokens, tokens.length + random.nextInt(20));
    Arrays.fill(roomy, tokens.length, roomy.length, NO_TOKEN);
    return roomy;
  }

  @Test
  void guesses_are_tokens_and_no_more_than_asked_for() {
    DraftPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      SequenceView sequence = sequence();
      int[] draft = new int[16];
      Arrays.fill(draft, NO_TOKEN);
      int most = 1 + random.nextInt(draft.length);
      int count = policy.draft(sequence, tokens(sequence), draft, most);
      assertThat(count).isBetween(0, most);
      for (int i = 0; i < draft.length; i++) {
        if (i < count) {
          assertThat(draft[i]).isBetween(0, vocabulary() - 1);
        } else if (i >= most) {
          assertThat(draft[i]).isEqualTo(NO_TOKEN);
        }
      }
    }
  }

  @Test
  void the_sequence_stays_as_it_is() {
    DraftPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      SequenceView sequence = sequence();
      int[] tokens = tokens(sequence);
      int[] before = tokens.clone();
      policy.draft(sequence, tokens, new int[16], 16);
      assertThat(tokens).isEqualTo(before);
    }
  }
}
