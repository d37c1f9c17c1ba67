package dev.serval.models.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Quantised products of matrices, before and after rewriting, in ONNX Runtime. */
final class RowQuantisationTest {
  private static final int DEPTH = 16;
  private static final int WIDTH = 4;
  private static final byte[] WEIGHTS = new byte[DEPTH * WIDTH];
  private static final float[] SCALES = {0.01f, 0.02f, 0.03f, 0.04f};

  // Within 6 bits, so that no processor saturates where it adds two products in 16 bits.
  static {
    Random random = new Random(5);
    for (int i = 0; i < WEIGHTS.length; i++) {
      WEIGHTS[i] = (byte) (random.nextInt(127) - 63);
    }
  }

  private static TinyGraph product(long opset) {
    return new TinyGraph(opset)
        .input("x", TinyGraph.FLOAT, "texts", "tokens", "16")
        .output("y", TinyGraph.FLOAT, "texts", "tokens", "4")
        .bytes("w", WEIGHTS, DEPTH, WIDTH)
        .bytes("zero", new byte[WIDTH], WIDTH)
        .floats("scale", SCALES, WIDTH)
        .node(quantise())
        .node(GraphNode.of("Mul", "scales", "s", "scale"))
        .node(GraphNode.of("MatMulInteger", "p", "q", "w", "z", "zero"))
        .node(GraphNode.of("Cast", "c", "p").with("to", TinyGraph.FLOAT))
        .node(GraphNode.of("Mul", "y", "c", "scales"));
  }

  private static GraphNode quantise() {
    GraphNode node = GraphNode.of("DynamicQuantizeLinear", "q", "x");
    node.message().with(2, "s").with(2, "z");
    return node;
  }

  private static float[][][] run(ByteBuffer model, float[][][] x) throws Exception {
    OrtEnvironment environment = ProcessEnvironment.open();
    try (OrtSession session = environment.createSession(model);
        OnnxTensor input = OnnxTensor.createTensor(environment, x);
        OrtSession.Result result = session.run(Map.of("x", input))) {
      return (float[][][]) result.get(0).getValue();
    }
  }

  private static float[][][] texts(float... amplitudes) {
    Random random = new Random(9);
    return IntStream.range(0, amplitudes.length)
        .mapToObj(i -> new float[][] {row(random, amplitudes[i]), row(random, amplitudes[i])})
        .toArray(float[][][]::new);
  }

  private static float[] row(Random random, float amplitude) {
    float[] row = new float[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
      row[i] = amplitude * (float) random.nextGaussian();
    }
    return row;
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 13, 18, 21})
  void a_row_is_rounded_by_itself_and_nearer_to_the_exact_product(long opset) throws Exception {
    ByteBuffer rewritten = RowQuantisation.rewrite(product(opset).model()).orElseThrow();
    float[][][] texts = texts(1, 100, 0.01f);
    float[][][] together = run(rewritten, texts);
    for (int i = 0; i < texts.length; i++) {
      assertThat(run(rewritten, new float[][][] {texts[i]})[0])
          .as("text %d", i)
          .isDeepEqualTo(together[i]);
      for (int row = 0; row < 2; row++) {
        assertNearExact(texts[i][row], together[i][row]);
      }
    }
    float[][][] before = run(product(opset).model(), texts);
    assertThat(before[0][0])
        .isNotEqualTo(run(product(opset).model(), new float[][][] {texts[0]})[0][0]);
  }

  private static void assertNearExact(float[] x, float[] y) {
    double largest = IntStream.range(0, DEPTH).mapToDouble(i -> Math.abs(x[i])).max().orElseThrow();
    for (int column = 0; column < WIDTH; column++) {
      double exact = 0;
      double weights = 0;
      for (int i = 0; i < DEPTH; i++) {
        exact += (double) x[i] * WEIGHTS[i * WIDTH + column] * SCALES[column];
        weights += Math.abs(WEIGHTS[i * WIDTH + column]) * SCALES[column];
      }
      assertThat((double) y[column]).isEqualTo(exact, within(largest / 127 * weights));
    }
  }

  @Test
  void a_row_of_zeros_gives_zeros() throws Exception {
    ByteBuffer rewritten = RowQuantisation.rewrite(product(13).model()).orElseThrow();
    assertThat(run(rewritten, new float[1][1][DEPTH])[0][0]).containsOnly(0);
  }

  @Test
  void what_does_not_fit_the_pattern_stays_as_it_is() {
    assertThat(RowQuantisation.rewrite(product(10).model())).as("old operators").isEmpty();
    TinyGraph scaleUsedElsewhere = product(13).node(GraphNode.of("Abs", "other", "s"));
    assertThat(RowQuantisation.rewrite(scaleUsedElsewhere.model())).isEmpty();
    TinyGraph productUsedTwice = product(13).node(GraphNode.of("Abs", "other", "p"));
    assertThat(RowQuantisation.rewrite(productUsedTwice.model())).isEmpty();
    TinyGraph plain =
        new TinyGraph(13)
            .input("x", TinyGraph.FLOAT, "n")
            .output("y", TinyGraph.FLOAT, "n")
            .node(GraphNode.of("Abs", "y", "x"));
    assertThat(RowQuantisation.rewrite(plain.model())).isEmpty();
  }

  @Test
  void a_file_that_is_cut_off_anywhere_is_refused_or_left_alone_but_never_breaks() {
    ByteBuffer whole = product(13).model();
    int refused = 0;
    for (int length = 1; length < whole.capacity(); length++) {
      try {
        RowQuantisation.rewrite(whole.slice(0, length));
      } catch (IllegalArgumentException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(whole.capacity() * 9 / 10);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RowQuantisation.rewrite(whole.slice(0, whole.capacity() - 1)))
        .withMessageContaining("reaches beyond the end");
  }
}
