package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Sizes;
import dev.serval.testkit.models.SteppedModel;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.IntUnaryOperator;

/**
 * What a family's forward pass is compared with, and how; a part of {@link FamilyForwardContract}.
 */
abstract class ForwardContract {
  static final int NONE = Integer.MAX_VALUE;
  static final double NO_CAP = Double.POSITIVE_INFINITY;
  static final Sizes ODD = new Sizes(91, 37, 53, 3, 6, 2, 10);
  static final double[] PLAIN = ReferenceModel.frequencies(10, 10_000);
  private static final double TOLERANCE = 1e-4;
  private static final int LENGTH = 43;
  private static final int SILENT = 12;

  /** How many tokens come before the last of the chunks of 1, 2, 3 and so on. */
  private static final int BEFORE_LAST = 36;

  ForwardContract() {}

  /**
   * Loads a model on the backend, keys and values in F32.
   *
   * @param checkpoint the model
   * @return the model, which the test closes
   */
  protected abstract SteppedModel load(Checkpoint checkpoint);

  /**
   * Types of weights for which the backend rounds nothing to fewer than 32 bits.
   *
   * @return plain types, F32 among them
   */
  protected abstract List<DType> exactTypes();

  /** Has one map of queries, keys and values in place of three, of a layer's biases or weights. */
  static void fuseInputs(SmallModel model, String layer, String kind) {
    String attention = layer + "self_attn.";
    model.fused(
        attention + "qkv_proj" + kind,
        attention + "q_proj" + kind,
        attention + "k_proj" + kind,
        attention + "v_proj" + kind);
  }

  /** Has one map of gates and what they let through in place of a layer's two. */
  static void fuseGates(SmallModel model, String layer) {
    String mlp = layer + "mlp.";
    model.fused(mlp + "gate_up_proj.weight", mlp + "gate_proj.weight", mlp + "up_proj.weight");
  }

  final void check(SmallModel model, double[] frequencies, IntUnaryOperator windows) {
    check(model, new ReferenceModel(model, frequencies, windows));
  }

  final void check(SmallModel model, ReferenceModel reference) {
    check(model, reference::logits);
  }

  /** Given what the reference gives after each of some tokens. */
  final void check(SmallModel model, Function<int[], double[][]> reference) {
    int vocabulary = (int) model.number("vocab_size");
    int[] tokens = new Random(5).ints(LENGTH, 0, vocabulary).toArray();
    double[][] expected = reference.apply(tokens);
    try (SteppedModel run = load(model)) {
      SteppedModel.Sequence sequence = run.sequence(tokens);
      float[] before = {};
      float[] last = {};
      for (int chunk = 1; sequence.left() > 0; chunk++) {
        before = last;
        last = run.step(List.of(sequence), List.of(Math.min(chunk, sequence.left()))).getFirst();
        assertClose(last, expected[LENGTH - 1 - sequence.left()]);
      }
      assertClose(afterSilentSteps(run, tokens), expected[LENGTH - 1]);
      if (run.executor().verifiesDrafts()) {
        assertVerifies(run, tokens, vocabulary, before, last);
      }
    }
  }

  /**
   * What follows a right guess has the bits that it has otherwise, and so has what follows where a
   * wrong one was.
   *
   * @param before the logits before the last chunk
   * @param last the logits after it
   */
  private static void assertVerifies(
      SteppedModel run, int[] tokens, int vocabulary, float[] before, float[] last) {
    SteppedModel.Sequence sequence = run.sequence(tokens);
    int right = BEFORE_LAST - 1;
    run.step(List.of(sequence), List.of(right - 1));
    int wrong = (tokens[BEFORE_LAST] + 1) % vocabulary;
    assertThat(run.verify(sequence, tokens[right], wrong).get(1)).isEqualTo(before);
    sequence.accept(1);
    int[] others = Arrays.copyOfRange(tokens, BEFORE_LAST + 1, LENGTH);
    assertThat(run.verify(sequence, others).getLast()).isEqualTo(last);
  }

  /** The logits after all tokens, where nobody wants those of any step before the last. */
  private static float[] afterSilentSteps(SteppedModel run, int[] tokens) {
    SteppedModel.Sequence sequence = run.sequence(tokens);
    while (sequence.left() > SILENT) {
      run.draw(List.of(sequence), SILENT);
    }
    return run.advance(sequence);
  }

  static void assertClose(float[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat((double) actual[i]).isCloseTo(expected[i], within(TOLERANCE));
    }
  }
}
