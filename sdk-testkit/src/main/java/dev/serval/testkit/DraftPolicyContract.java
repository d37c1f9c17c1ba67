package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.batching.DraftPolicy;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
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

  private DraftedText sequence() {
    int total = 2 + random.nextInt(300);
    int prompt = 1 + random.nextInt(total - 1);
    int[] tokens = random.ints(total, 0, vocabulary()).toArray();
    int[] roomy = Arrays.copyOf(tokens, total + random.nextInt(20));
    Arrays.fill(roomy, total, roomy.length, NO_TOKEN);
    return new DraftedText(roomy, total, prompt, prediction(tokens, prompt));
  }

  /** None, anything, or what the answer begins with. */
  private int[] prediction(int[] tokens, int promptTokens) {
    int[] any = random.ints(random.nextInt(40), 0, vocabulary()).toArray();
    return switch (random.nextInt(3)) {
      case 0 -> new int[0];
      case 1 -> any;
      default ->
          IntStream.concat(Arrays.stream(tokens).skip(promptTokens), Arrays.stream(any)).toArray();
    };
  }

  @Test
  void guesses_are_tokens_and_no_more_than_asked_for() {
    DraftPolicy policy = policy();
    for (int round = 0; round < ROUNDS; round++) {
      int[] draft = new int[16];
      Arrays.fill(draft, NO_TOKEN);
      int most = 1 + random.nextInt(draft.length);
      int count = policy.draft(sequence(), draft, most);
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
      DraftedText sequence = sequence();
      int[] tokens = sequence.tokens().clone();
      int[] prediction = sequence.prediction().clone();
      policy.draft(sequence, new int[16], 16);
      assertThat(sequence.tokens()).isEqualTo(tokens);
      assertThat(sequence.prediction()).isEqualTo(prediction);
    }
  }
}
