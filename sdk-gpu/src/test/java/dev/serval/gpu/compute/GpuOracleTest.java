package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.Sampling;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.storage.SafetensorsReader;
import dev.serval.testkit.models.Oracle;
import dev.serval.testkit.models.SteppedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The families on a GPU against models whose answers a float64 reference computed. */
final class GpuOracleTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final float TOLERANCE = 1e-3f;
  private static final int GENERATED = 24;

  @TempDir Path folder;

  static Stream<Oracle> oracles() {
    return Oracle.all().stream();
  }

  private Checkpoint open(Oracle oracle) throws IOException {
    return new SafetensorsReader().open(oracle.folder(folder), LoadListener.NONE);
  }

  private static GpuModel model(Checkpoint checkpoint, DType kvType) {
    return new GpuModel(
        checkpoint, GPU.provider(), GPU.device(), SteppedModel.Setup.SMALL.keeping(kvType));
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void logits_after_each_prompt_are_those_of_the_reference(Oracle oracle) throws IOException {
    try (Checkpoint checkpoint = open(oracle);
        GpuModel model = model(checkpoint, DType.F32)) {
      for (int i = 0; i < oracle.prompts().size(); i++) {
        int[] prompt = oracle.prompts().get(i);
        assertThat(model.logits(prompt, prompt.length))
            .usingComparatorWithPrecision(TOLERANCE)
            .containsExactly(oracle.logits().get(i));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void greedy_tokens_drawn_on_the_device_in_batches_are_those_of_the_reference(Oracle oracle)
      throws IOException {
    Random chunks = new Random(3);
    try (Checkpoint checkpoint = open(oracle);
        GpuModel model = model(checkpoint, DType.F32)) {
      List<SteppedModel.Sequence> sequences = new ArrayList<>();
      for (int[] prompt : oracle.prompts()) {
        sequences.add(
            model
                .sequence(prompt)
                .drawnBy(model.executor().sampler(Sampling.GREEDY, 1, prompt, -1)));
      }
      while (sequences.stream().anyMatch(sequence -> sequence.generated() < GENERATED)) {
        model.draw(
            sequences.stream().filter(sequence -> sequence.generated() < GENERATED).toList(),
            1 + chunks.nextInt(40));
      }
      for (int i = 0; i < sequences.size(); i++) {
        assertThat(sequences.get(i).completion()).containsExactly(oracle.greedy().get(i));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("oracles")
  void logits_have_the_same_bits_alone_in_a_batch_and_in_chunks(Oracle oracle) throws IOException {
    int[] prompt = oracle.prompts().getLast();
    try (Checkpoint checkpoint = open(oracle)) {
      for (DType kvType : List.of(DType.F32, DType.BF16)) {
        try (GpuModel model = model(checkpoint, kvType)) {
          float[] expected = model.logits(prompt, prompt.length);
          assertThat(model.logits(prompt, 1)).containsExactly(expected);
          assertThat(model.logits(prompt, 13)).containsExactly(expected);
          List<SteppedModel.Sequence> sequences =
              Stream.of(oracle.prompts().get(1), prompt, oracle.prompts().get(2))
                  .map(model::sequence)
                  .toList();
          assertThat(
                  model
                      .step(sequences, sequences.stream().map(SteppedModel.Sequence::left).toList())
                      .get(1))
              .containsExactly(expected);
        }
      }
    }
  }
}
