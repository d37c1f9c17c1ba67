package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.storage.GgufReader;
import dev.serval.testkit.GgufOracle;
import dev.serval.testkit.GgufOracle.Likely;
import java.io.IOException;
import java.nio.file.Path;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * GGUF files on a GPU against llama.cpp's own answers. Both round the inputs of their products,
 * each in its own way, so they differ by both roundings together; the root mean squares are those
 * by which llama.cpp differs from float64.
 */
final class GpuGgufOracleTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final int CHUNK = 100;
  private static final double SLACK = 1.2 * Math.sqrt(2);
  private static final double DECISIVE = 3;

  private static final Map<String, Double> ROUNDING =
      Map.of(
          "llama-Q4_K_M", 0.42,
          "llama-Q8_0", 0.29,
          "qwen2-Q6_K", 0.34,
          "qwen3-BF16", 0.044,
          "qwen3-Q4_0", 0.18);

  @TempDir Path folder;

  static Stream<GgufOracle> oracles() {
    return GgufOracle.all().stream();
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void steps_are_those_of_llama_cpp_within_both_roundings(GgufOracle oracle) throws IOException {
    double tolerance = SLACK * ROUNDING.get(oracle.toString());
    try (Checkpoint checkpoint = new GgufReader().open(oracle.file(folder), LoadListener.NONE);
        GpuModel model =
            new GpuModel(
                checkpoint,
                GPU.provider(),
                GPU.device(),
                GpuModel.Setup.SMALL.keeping(DType.F32))) {
      DoubleSummaryStatistics squares = new DoubleSummaryStatistics();
      for (int i = 0; i < oracle.prompts().size(); i++) {
        GpuModel.Sequence sequence = model.sequence(oracle.prompts().get(i));
        for (int step = 0; step < oracle.greedy().get(i).length; step++) {
          float[] logits = advance(model, sequence);
          compare(logits, oracle.top(i).get(step), DECISIVE * tolerance, squares);
          sequence.append(oracle.greedy().get(i)[step]);
        }
      }
      assertThat(Math.sqrt(squares.getAverage())).isLessThan(tolerance);
    }
  }

  private static float[] advance(GpuModel model, GpuModel.Sequence sequence) {
    float[] logits = new float[0];
    while (sequence.left() > 0) {
      int chunk = Math.min(sequence.left(), CHUNK);
      logits = model.step(List.of(sequence), List.of(chunk)).getFirst();
    }
    return logits;
  }

  private static void compare(
      float[] logits, List<Likely> expected, double decisive, DoubleSummaryStatistics squares) {
    double logSum = logSum(logits);
    for (Likely likely : expected) {
      double difference = logits[likely.token()] - logSum - likely.logprob();
      squares.accept(difference * difference);
    }
    if (expected.get(0).logprob() - expected.get(1).logprob() > decisive) {
      assertThat(GpuModel.argmax(logits)).isEqualTo(expected.getFirst().token());
    }
  }

  private static double logSum(float[] logits) {
    double largest = logits[GpuModel.argmax(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - largest);
    }
    return largest + Math.log(sum);
  }
}
