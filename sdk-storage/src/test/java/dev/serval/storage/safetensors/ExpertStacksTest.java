package dev.serval.storage.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.LoadListener;
import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.storage.SafetensorsReader;
import dev.serval.storage.SafetensorsWriter;
import dev.serval.storage.SafetensorsWriter.Raw;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

/** Folders that have all experts of a layer in one tensor. */
final class ExpertStacksTest {
  private static final int EXPERTS = 3;
  private static final int INNER = 70;
  private static final int HIDDEN = 64;
  private static final int BLOCKS = HIDDEN / 32;
  private static final String LAYER = "model.layers.1.mlp.experts.";
  private static final String LLAMA4 = "model.layers.1.feed_forward.experts.";
  private static final String GPT_OSS =
      "{\"model_type\": \"gpt_oss\", \"quantization_config\": {\"quant_method\": \"mxfp4\"}}";

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  @TempDir Path folder;

  @BeforeEach
  void printSeed(TestReporter reporter) {
    reporter.publishEntry("seed", Long.toString(seed));
  }

  private Checkpoint open(String config, Raw... tensors) throws IOException {
    Files.write(folder.resolve("model.safetensors"), SafetensorsWriter.ofRaw(List.of(tensors)));
    Files.writeString(folder.resolve("config.json"), config);
    return new SafetensorsReader(1).open(folder, LoadListener.NONE);
  }

  private byte[] bytes(long count) {
    byte[] bytes = new byte[Math.toIntExact(count)];
    random.nextBytes(bytes);
    return bytes;
  }

  private static List<Long> shape(int... lengths) {
    List<Long> shape = new ArrayList<>();
    for (int length : lengths) {
      shape.add((long) length);
    }
    return shape;
  }

  /** Four bits that a checkpoint has of an element: two to a byte, the first one lower. */
  private static int stored(byte[] numbers, long element) {
    return (numbers[(int) (element / 2)] >> (element % 2 * 4)) & 15;
  }

  /** Four bits of an element of MXFP4: in a block behind its scale, two to a byte, half by half. */
  private static int given(byte[] blocks, long element) {
    int at = (int) (element / 32 * 17 + 1 + element % 16);
    return (blocks[at] >> (element % 32 / 16 * 4)) & 15;
  }

  @Test
  void blocks_of_gpt_oss_are_those_of_mxfp4_and_gates_and_ups_lie_in_turns() throws IOException {
    byte[] numbers = bytes((long) EXPERTS * 2 * INNER * HIDDEN / 2);
    byte[] scales = bytes((long) EXPERTS * 2 * INNER * BLOCKS);
    try (Checkpoint checkpoint =
        open(
            GPT_OSS,
            new Raw(
                LAYER + "gate_up_proj_blocks",
                "U8",
                shape(EXPERTS, 2 * INNER, BLOCKS, 16),
                numbers),
            new Raw(
                LAYER + "gate_up_proj_scales", "U8", shape(EXPERTS, 2 * INNER, BLOCKS), scales))) {
      assertThat(checkpoint.config()).doesNotContainKey("quantization_config");
      assertThat(checkpoint.tensorNames()).hasSize(2 * EXPERTS);
      for (int expert = 0; expert < EXPERTS; expert++) {
        for (Map.Entry<String, Integer> map : Map.of("gate_proj", 0, "up_proj", 1).entrySet()) {
          StoredTensor weight = checkpoint.tensor(LAYER + expert + "." + map.getKey() + ".weight");
          assertThat(weight.dtype()).isEqualTo(DType.MXFP4);
          assertThat(weight.shape()).isEqualTo(shape(INNER, HIDDEN));
          byte[] blocks = weight.data().toArray(ValueLayout.JAVA_BYTE);
          for (int element = 0; element < INNER * HIDDEN; element++) {
            long row = (long) expert * 2 * INNER + 2L * (element / HIDDEN) + map.getValue();
            long from = row * HIDDEN + element % HIDDEN;
            assertThat(given(blocks, element))
                .as("element %d, seed %d", element, seed)
                .isEqualTo(stored(numbers, from));
            assertThat(blocks[element / 32 * 17]).isEqualTo(scales[(int) (from / 32)]);
          }
          assertThat(weight.part(3, "row").data().toArray(ValueLayout.JAVA_BYTE))
              .isEqualTo(
                  weight
                      .data()
                      .asSlice(3 * 17 * BLOCKS, 17 * BLOCKS)
                      .toArray(ValueLayout.JAVA_BYTE));
        }
      }
    }
  }

  private static short at(byte[] data, long index) {
    return ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getShort((int) index * 2);
  }

  private void assertTransposed(
      Checkpoint checkpoint, byte[] data, int rows, String map, int first, int step)
      throws IOException {
    assertTransposed(checkpoint, LAYER, data, rows, map, first, step);
  }

  private void assertTransposed(
      Checkpoint checkpoint, String layer, byte[] data, int rows, String map, int first, int step)
      throws IOException {
    for (int expert = 0; expert < EXPERTS; expert++) {
      StoredTensor weight = checkpoint.tensor(layer + expert + "." + map + ".weight");
      long count = weight.shape().getFirst();
      long columns = weight.shape().getLast();
      byte[] found = weight.data().toArray(ValueLayout.JAVA_BYTE);
      for (long row = 0; row < count; row++) {
        for (long column = 0; column < columns; column++) {
          assertThat(at(found, row * columns + column))
              .isEqualTo(at(data, (expert * columns + column) * rows + first + row * step));
        }
      }
      StoredTensor part = weight.part((int) count - 1, "row");
      assertThat(part.data().toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(
              weight
                  .data()
                  .asSlice((count - 1) * columns * 2, columns * 2)
                  .toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void maps_of_plain_types_are_stored_column_by_column_and_may_have_biases() throws IOException {
    byte[] gates = bytes(2L * EXPERTS * HIDDEN * 2 * INNER);
    byte[] biases = bytes(2L * EXPERTS * 2 * INNER);
    byte[] downs = bytes(2L * EXPERTS * INNER * HIDDEN);
    try (Checkpoint checkpoint =
        open(
            "{\"model_type\": \"gpt_oss\"}",
            new Raw(LAYER + "gate_up_proj", "BF16", shape(EXPERTS, HIDDEN, 2 * INNER), gates),
            new Raw(LAYER + "gate_up_proj_bias", "BF16", shape(EXPERTS, 2 * INNER), biases),
            new Raw(LAYER + "down_proj", "BF16", shape(EXPERTS, INNER, HIDDEN), downs))) {
      assertThat(checkpoint.tensorNames()).hasSize(5 * EXPERTS);
      assertTransposed(checkpoint, gates, 2 * INNER, "gate_proj", 0, 2);
      assertTransposed(checkpoint, gates, 2 * INNER, "up_proj", 1, 2);
      assertTransposed(checkpoint, downs, HIDDEN, "down_proj", 0, 1);
      StoredTensor bias = checkpoint.tensor(LAYER + "2.up_proj.bias");
      assertThat(bias.shape()).isEqualTo(shape(INNER));
      byte[] found = bias.data().toArray(ValueLayout.JAVA_BYTE);
      for (int i = 0; i < INNER; i++) {
        assertThat(at(found, i)).isEqualTo(at(biases, 2 * 2 * INNER + 2 * i + 1));
      }
    }
  }

  @Test
  void qwen3_vl_has_gates_before_ups() throws IOException {
    byte[] gates = bytes(2L * EXPERTS * HIDDEN * 2 * INNER);
    byte[] downs = bytes(2L * EXPERTS * INNER * HIDDEN);
    try (Checkpoint checkpoint =
        open(
            """
            {"architectures": ["Qwen3VLMoeForConditionalGeneration"], "model_type": "qwen3_vl_moe",
             "text_config": {"model_type": "qwen3_vl_moe_text", "hidden_size": 64}}
            """,
            new Raw(
                LAYER.replace("model.", "model.language_model.") + "gate_up_proj",
                "F16",
                shape(EXPERTS, HIDDEN, 2 * INNER),
                gates),
            new Raw(
                LAYER.replace("model.", "model.language_model.") + "down_proj",
                "F16",
                shape(EXPERTS, INNER, HIDDEN),
                downs))) {
      assertThat(checkpoint.config())
          .containsEntry("architectures", List.of("Qwen3MoeForCausalLM"))
          .containsEntry("model_type", "qwen3_moe");
      assertTransposed(checkpoint, gates, 2 * INNER, "gate_proj", 0, 1);
      assertTransposed(checkpoint, gates, 2 * INNER, "up_proj", INNER, 1);
      assertTransposed(checkpoint, downs, HIDDEN, "down_proj", 0, 1);
    }
  }

  @Test
  void llama4_has_gates_before_ups_by_itself_or_as_a_part() throws IOException {
    byte[] gates = bytes(2L * EXPERTS * HIDDEN * 2 * INNER);
    byte[] downs = bytes(2L * EXPERTS * INNER * HIDDEN);
    Map<String, String> configs =
        Map.of(
            "",
            "{\"architectures\": [\"Llama4ForCausalLM\"], \"model_type\": \"llama4_text\"}",
            "language_model.",
            """
            {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4",
             "text_config": {"model_type": "llama4_text", "hidden_size": 64}}
            """);
    for (Map.Entry<String, String> config : configs.entrySet()) {
      String prefix = config.getKey() + LLAMA4;
      List<Long> gateShape = shape(EXPERTS, HIDDEN, 2 * INNER);
      try (Checkpoint checkpoint =
          open(
              config.getValue(),
              new Raw(prefix + "gate_up_proj", "BF16", gateShape, gates),
              new Raw(prefix + "down_proj", "BF16", shape(EXPERTS, INNER, HIDDEN), downs))) {
        assertThat(checkpoint.config())
            .containsEntry("architectures", List.of("Llama4ForCausalLM"))
            .containsEntry("model_type", "llama4_text");
        assertTransposed(checkpoint, LLAMA4, gates, 2 * INNER, "gate_proj", 0, 1);
        assertTransposed(checkpoint, LLAMA4, gates, 2 * INNER, "up_proj", INNER, 1);
        assertTransposed(checkpoint, LLAMA4, downs, HIDDEN, "down_proj", 0, 1);
      }
    }
  }

  @Test
  void blocks_without_scales_or_of_another_shape_are_refused() {
    Raw blocks = new Raw(LAYER + "down_proj_blocks", "U8", shape(1, 2, 1, 16), new byte[32]);
    assertThatThrownBy(() -> open(GPT_OSS, blocks))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("down_proj_scales");
    Raw scales = new Raw(LAYER + "down_proj_scales", "U8", shape(1, 1, 2), new byte[2]);
    assertThatThrownBy(() -> open(GPT_OSS, blocks, scales))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("[1, 1, 2]")
        .hasMessageContaining("[1, 2, 1]");
    Raw narrow = new Raw(LAYER + "down_proj_blocks", "U8", shape(1, 2, 1, 8), new byte[16]);
    assertThatThrownBy(() -> open(GPT_OSS, narrow, scales))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("[1, 2, 1, 16]");
  }

  @Test
  void more_experts_than_any_model_has_or_an_odd_number_of_rows_are_refused() {
    Raw many = new Raw(LAYER + "down_proj", "BF16", shape(5000, 1, 1), new byte[10_000]);
    assertThatThrownBy(() -> open(GPT_OSS, many))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("5000 experts");
    Raw odd = new Raw(LAYER + "gate_up_proj", "BF16", shape(1, 2, 3), new byte[12]);
    assertThatThrownBy(() -> open(GPT_OSS, odd))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("3 rows");
    Raw empty = new Raw(LAYER + "down_proj", "BF16", shape(1 << 30, 0, 1), new byte[0]);
    assertThatThrownBy(() -> open(GPT_OSS, empty))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("down_proj");
  }
}
