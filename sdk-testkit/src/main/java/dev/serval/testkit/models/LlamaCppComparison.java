package dev.serval.testkit.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.testkit.models.GgufOracle.Likely;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Compares a model with llama.cpp's own answers.
 *
 * <p>They cannot agree to the bit. Before each multiplication llama.cpp rounds activations: to 8
 * bits in groups of 32 (Q8_0, Q4_0) or 256 (Q4_K, Q6_K), or to BF16. These models have random
 * weights and no slack, so that rounding moves log-probabilities by much: a float64 reference of
 * each model that does not round differs from llama.cpp by the root mean squares below.
 *
 * <p>So each step is computed after llama.cpp's own tokens. The root mean square may be a fifth
 * above the reference's, and where llama.cpp's best token leads by three times that, it must be the
 * model's.
 */
public final class LlamaCppComparison {
  private static final int CHUNK = 100;
  private static final double SLACK = 1.2;
  private static final double DECISIVE = 3;

  private static final Map<String, Double> ROUNDING =
      Map.of(
          "llama-Q4_K_M", 0.42,
          "llama-Q8_0", 0.29,
          "qwen2-Q6_K", 0.34,
          "qwen3-BF16", 0.044,
          "qwen3-Q4_0", 0.18);

  private final double tolerance;
  private final DoubleSummaryStatistics squares = new DoubleSummaryStatistics();

  private LlamaCppComparison(double tolerance) {
    this.tolerance = tolerance;
  }

  /**
   * Compares a model that rounds nothing of its own.
   *
   * @param oracle llama.cpp's answers
   * @param model the model
   */
  public static void check(GgufOracle oracle, SteppedModel model) {
    new LlamaCppComparison(SLACK * rounding(oracle)).compare(oracle, model);
  }

  /**
   * Compares a model that rounds in its own way, and so is as far off as both roundings together.
   *
   * @param oracle llama.cpp's answers
   * @param model the model
   */
  public static void checkRounded(GgufOracle oracle, SteppedModel model) {
    new LlamaCppComparison(Math.sqrt(2) * SLACK * rounding(oracle)).compare(oracle, model);
  }

  private static double rounding(GgufOracle oracle) {
    return Objects.requireNonNull(ROUNDING.get(oracle.toString()));
  }

  private void compare(GgufOracle oracle, SteppedModel model) {
    for (int i = 0; i < oracle.prompts().size(); i++) {
      SteppedModel.Sequence sequence = model.sequence(oracle.prompts().get(i));
      for (int step = 0; step < oracle.greedy().get(i).length; step++) {
        compare(model.advance(sequence, CHUNK), oracle.top(i).get(step));
        sequence.append(oracle.greedy().get(i)[step]);
      }
    }
    assertThat(Math.sqrt(squares.getAverage())).isLessThan(tolerance);
  }

  private void compare(float[] logits, List<Likely> expected) {
    double logSum = logSum(logits);
    for (Likely likely : expected) {
      double difference = logits[likely.token()] - logSum - likely.logprob();
      squares.accept(difference * difference);
    }
    if (expected.get(0).logprob() - expected.get(1).logprob() > DECISIVE * tolerance) {
      assertThat(SteppedModel.argmax(logits)).isEqualTo(expected.getFirst().token());
    }
  }

  private static double logSum(float[] logits) {
    double largest = logits[SteppedModel.argmax(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - largest);
    }
    return largest + Math.log(sum);
  }
}
