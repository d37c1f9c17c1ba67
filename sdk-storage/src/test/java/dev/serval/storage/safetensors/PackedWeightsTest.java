package dev.serval.storage.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

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
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntBinaryOperator;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders whose weights are of 8 or 4 bits, with scales beside them. */
final class PackedWeightsTest {
  private static final int ROWS = 16;
  private static final int COLUMNS = 64;
  private static final int GROUP = 32;
  private static final int GROUPS = COLUMNS / GROUP;
  private static final String NAME = "model.layers.0.mlp.up_proj";
  private static final String GPTQ = "\"quant_method\": \"gptq\", \"group_size\": 32";
  private static final String AWQ =
      "\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 32, \"version\": \"gemm\"";

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  @TempDir Path folder;

  @BeforeEach
  void printSeed(TestReporter reporter) {
    reporter.publishEntry("seed", Long.toString(seed));
  }

  private Checkpoint open(String quantization, List<Raw> tensors) throws IOException {
    Files.write(folder.resolve("model.safetensors"), SafetensorsWriter.ofRaw(tensors));
    Files.writeString(
        folder.resolve("config.json"),
        "{\"model_type\": \"llama\", \"quantization_config\": {%s}}".formatted(quantization));
    return new SafetensorsReader(1).open(folder, LoadListener.NONE);
  }

  private static Raw raw(String name, String type, int rows, int columns, byte[] data) {
    return new Raw(NAME + name, type, List.of((long) rows, (long) columns), data);
  }

  private static byte[] words(int count, IntFunction<Integer> word) {
    ByteBuffer data = ByteBuffer.allocate(count * 4).order(ByteOrder.LITTLE_ENDIAN);
    IntStream.range(0, count).forEach(i -> data.putInt(word.apply(i)));
    return data.array();
  }

  private static byte[] halves(float... numbers) {
    ByteBuffer data = ByteBuffer.allocate(numbers.length * 2).order(ByteOrder.LITTLE_ENDIAN);
    for (float number : numbers) {
      data.putShort(Float.floatToFloat16(number));
    }
    return data.array();
  }

  private static byte[] floats(float... numbers) {
    ByteBuffer data = ByteBuffer.allocate(numbers.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (float number : numbers) {
      data.putFloat(number);
    }
    return data.array();
  }

  /** Random numbers of few bits, row after row. */
  private int[] codes(int count, int bits) {
    return random.ints(count, 0, 1 << bits).toArray();
  }

  private float[] scales(int count) {
    float[] scales = new float[count];
    for (int i = 0; i < count; i++) {
      scales[i] = Float.float16ToFloat(Float.floatToFloat16(random.nextFloat(0.01f, 0.1f)));
    }
    return scales;
  }

  /** Numbers put together into words, which lie in rows; a word's are said from the lowest on. */
  private static byte[] packed(int rows, int columns, int bits, Code code) {
    int perWord = 32 / bits;
    return words(
        rows * columns,
        at -> {
          int word = 0;
          for (int i = 0; i < perWord; i++) {
            word |= code.at(at / columns, at % columns, i) << (i * bits);
          }
          return word;
        });
  }

  /** A number in a word. */
  private interface Code {
    /** That of a word in a row. */
    int at(int row, int column, int index);
  }

  /** What a tensor's elements are, as its type has them. */
  private static double[] values(StoredTensor tensor) {
    ByteBuffer data =
        ByteBuffer.wrap(tensor.data().toArray(ValueLayout.JAVA_BYTE))
            .order(ByteOrder.LITTLE_ENDIAN);
    double[] values = new double[(int) tensor.elements()];
    for (int block = 0; block < values.length / 32; block++) {
      double scale = Float.float16ToFloat(data.getShort());
      boolean minimum = tensor.dtype() == DType.Q4_1;
      double least = minimum ? Float.float16ToFloat(data.getShort()) : -8 * scale;
      byte[] codes = new byte[tensor.dtype() == DType.Q8_0 ? 32 : 16];
      data.get(codes);
      for (int i = 0; i < 32; i++) {
        values[block * 32 + i] =
            codes.length == 32
                ? codes[i] * scale
                : ((i < 16 ? codes[i] : codes[i - 16] >> 4) & 15) * scale + least;
      }
    }
    return values;
  }

  private static double[] expected(Weight weight) {
    return IntStream.range(0, ROWS * COLUMNS)
        .mapToDouble(i -> weight.at(i / COLUMNS, i % COLUMNS))
        .toArray();
  }

  /** What an element is by the definition of the format. */
  private interface Weight {
    /** That in a row and column. */
    double at(int row, int column);
  }

  private static void assertWeights(
      Checkpoint checkpoint, DType dtype, double[] expected, double within) {
    StoredTensor weight = checkpoint.tensor(NAME + ".weight");
    assertThat(checkpoint.tensorNames()).containsExactly(NAME + ".weight");
    assertThat(checkpoint.config()).doesNotContainKey("quantization_config");
    assertThat(weight.dtype()).isEqualTo(dtype);
    assertThat(weight.shape()).containsExactly((long) ROWS, (long) COLUMNS);
    assertThat(weight.byteSize()).isEqualTo(dtype.bytes((long) ROWS * COLUMNS));
    assertThat(values(weight)).containsExactly(expected, offset(within));
  }

  private List<Raw> gptq(int bits, int[] codes, IntBinaryOperator zero, float[] scales) {
    int perWord = 32 / bits;
    return List.of(
        raw(
            ".qweight",
            "I32",
            COLUMNS / perWord,
            ROWS,
            packed(
                COLUMNS / perWord,
                ROWS,
                bits,
                (word, row, i) -> codes[row * COLUMNS + word * perWord + i])),
        raw(
            ".qzeros",
            "I32",
            GROUPS,
            ROWS / perWord,
            packed(
                GROUPS,
                ROWS / perWord,
                bits,
                (group, word, i) -> zero.applyAsInt(word * perWord + i, group))),
        raw(".scales", "F16", GROUPS, ROWS, halves(scales)),
        new Raw(NAME + ".g_idx", "I32", List.of((long) COLUMNS), words(COLUMNS, i -> i / GROUP)),
        new Raw(NAME + ".bias", "F16", List.of((long) ROWS), new byte[2 * ROWS]));
  }

  @ParameterizedTest
  @CsvSource({"4, Q4_0", "8, Q8_0"})
  void gptq_with_zeros_in_the_middle_has_the_same_numbers_in_blocks(int bits, DType dtype)
      throws IOException {
    int[] codes = codes(ROWS * COLUMNS, bits);
    float[] scales = scales(GROUPS * ROWS);
    int middle = 1 << (bits - 1);
    try (Checkpoint checkpoint =
        open(
            GPTQ + ", \"bits\": %d, \"sym\": true, \"desc_act\": false".formatted(bits),
            gptq(bits, codes, (_, _) -> middle - 1, scales))) {
      assertWeights(
          checkpoint,
          dtype,
          expected((row, column) ->
              (codes[row * COLUMNS + column] - middle)
                  * (double) scales[column / GROUP * ROWS + row]),
          0);
    }
  }

  @ParameterizedTest
  @CsvSource({"gptq, 1", "gptq_v2, 0"})
  void gptq_with_other_zeros_has_minima_which_are_rounded_once(String format, int less)
      throws IOException {
    int[] codes = codes(ROWS * COLUMNS, 4);
    int[] zeros = random.ints(GROUPS * ROWS, 1, 16).toArray();
    float[] scales = scales(GROUPS * ROWS);
    try (Checkpoint checkpoint =
        open(
            GPTQ + ", \"bits\": 4, \"sym\": false, \"checkpoint_format\": \"%s\"".formatted(format),
            gptq(4, codes, (row, group) -> zeros[group * ROWS + row] - less, scales))) {
      assertWeights(
          checkpoint,
          DType.Q4_1,
          expected((row, column) -> {
            int group = column / GROUP * ROWS + row;
            return (codes[row * COLUMNS + column] - zeros[group]) * (double) scales[group];
          }),
          16 * 0.1 / 2048);
    }
  }

  @Test
  void a_zero_that_is_not_where_the_configuration_says_is_refused_when_weights_are_made()
      throws IOException {
    int[] codes = codes(ROWS * COLUMNS, 4);
    IntBinaryOperator zero = (row, group) -> row == 5 && group == 1 ? 9 : 7;
    try (Checkpoint checkpoint =
        open(GPTQ + ", \"bits\": 4, \"sym\": true", gptq(4, codes, zero, scales(GROUPS * ROWS)))) {
      StoredTensor weight = checkpoint.tensor(NAME + ".weight");
      assertThatThrownBy(weight::data)
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(NAME)
          .hasMessageContaining("row 5");
    }
  }

  @Test
  void awq_has_the_rows_of_a_word_in_its_own_order() throws IOException {
    int[] codes = codes(ROWS * COLUMNS, 4);
    int[] zeros = random.ints(GROUPS * ROWS, 0, 16).toArray();
    float[] scales = scales(GROUPS * ROWS);
    int[] order = {0, 2, 4, 6, 1, 3, 5, 7};
    List<Raw> tensors =
        List.of(
            raw(
                ".qweight",
                "I32",
                COLUMNS,
                ROWS / 8,
                packed(
                    COLUMNS,
                    ROWS / 8,
                    4,
                    (column, word, i) -> codes[(word * 8 + order[i]) * COLUMNS + column])),
            raw(
                ".qzeros",
                "I32",
                GROUPS,
                ROWS / 8,
                packed(
                    GROUPS,
                    ROWS / 8,
                    4,
                    (group, word, i) -> zeros[group * ROWS + word * 8 + order[i]])),
            raw(".scales", "F16", GROUPS, ROWS, halves(scales)));
    try (Checkpoint checkpoint = open(AWQ, tensors)) {
      assertWeights(
          checkpoint,
          DType.Q4_1,
          expected((row, column) -> {
            int group = column / GROUP * ROWS + row;
            return (codes[row * COLUMNS + column] - zeros[group]) * (double) scales[group];
          }),
          16 * 0.1 / 2048);
    }
  }

  private static String compressed(String format, String weights) {
    return "\"quant_method\": \"compressed-tensors\", \"format\": \"%s\", \"config_groups\": {\"group_0\": {\"weights\": {%s}}}"
        .formatted(format, weights);
  }

  @ParameterizedTest
  @CsvSource({"4, Q4_0", "8, Q8_0"})
  void packed_rows_with_zeros_in_the_middle_have_the_same_numbers_in_blocks(int bits, DType dtype)
      throws IOException {
    int[] codes = codes(ROWS * COLUMNS, bits);
    float[] scales = scales(ROWS * GROUPS);
    int perWord = 32 / bits;
    int across = COLUMNS / perWord;
    List<Raw> tensors =
        List.of(
            raw(
                ".weight_packed",
                "I32",
                ROWS,
                across,
                packed(
                    ROWS,
                    across,
                    bits,
                    (row, word, i) -> codes[row * COLUMNS + word * perWord + i])),
            raw(".weight_scale", "F16", ROWS, GROUPS, halves(scales)),
            new Raw(NAME + ".weight_shape", "I64", List.of(2L), new byte[16]));
    String weights =
        "\"num_bits\": %d, \"type\": \"int\", \"symmetric\": true, \"group_size\": 32"
            .formatted(bits);
    try (Checkpoint checkpoint = open(compressed("pack-quantized", weights), tensors)) {
      assertWeights(
          checkpoint,
          dtype,
          expected((row, column) ->
              (codes[row * COLUMNS + column] - (1 << (bits - 1)))
                  * (double) scales[row * GROUPS + column / GROUP]),
          0);
    }
  }

  @Test
  void packed_rows_may_have_zeros_of_their_own() throws IOException {
    int[] codes = codes(ROWS * COLUMNS, 4);
    int[] zeros = codes(ROWS * GROUPS, 4);
    float[] scales = scales(ROWS * GROUPS);
    List<Raw> tensors =
        List.of(
            raw(
                ".weight_packed",
                "I32",
                ROWS,
                COLUMNS / 8,
                packed(
                    ROWS, COLUMNS / 8, 4, (row, word, i) -> codes[row * COLUMNS + word * 8 + i])),
            raw(".weight_scale", "F16", ROWS, GROUPS, halves(scales)),
            raw(
                ".weight_zero_point",
                "I32",
                ROWS / 8,
                GROUPS,
                packed(
                    ROWS / 8,
                    GROUPS,
                    4,
                    (word, group, i) -> zeros[(word * 8 + i) * GROUPS + group])));
    String weights = "\"num_bits\": 4, \"type\": \"int\", \"symmetric\": false, \"group_size\": 32";
    try (Checkpoint checkpoint = open(compressed("pack-quantized", weights), tensors)) {
      assertWeights(
          checkpoint,
          DType.Q4_1,
          expected((row, column) -> {
            int group = row * GROUPS + column / GROUP;
            return (codes[row * COLUMNS + column] - zeros[group]) * (double) scales[group];
          }),
          16 * 0.1 / 2048);
    }
  }

  @Test
  void bytes_with_a_scale_for_each_row_have_the_same_numbers_in_blocks() throws IOException {
    byte[] bytes = new byte[ROWS * COLUMNS];
    random.nextBytes(bytes);
    float[] scales = scales(ROWS);
    List<Raw> tensors =
        List.of(
            raw(".weight", "I8", ROWS, COLUMNS, bytes),
            raw(".weight_scale", "F16", ROWS, 1, halves(scales)));
    String weights = "\"num_bits\": 8, \"type\": \"int\", \"symmetric\": true";
    try (Checkpoint checkpoint = open(compressed("int-quantized", weights), tensors)) {
      assertWeights(
          checkpoint,
          DType.Q8_0,
          expected((row, column) -> bytes[row * COLUMNS + column] * (double) scales[row]),
          0);
    }
  }

  /** E4M3 as its paper defines it: the exponent less 7, the smallest ones without a leading 1. */
  private static double e4m3(byte code) {
    int exponent = code >> 3 & 15;
    double fraction = (code & 7) / 8.0;
    if (exponent == 15 && (code & 7) == 7) {
      return Double.NaN;
    }
    double size = exponent == 0 ? fraction / 64 : (1 + fraction) * Math.pow(2, exponent - 7);
    return code < 0 ? -size : size;
  }

  /** E5M2 is the upper half of binary16. */
  private static double e5m2(byte code) {
    return Float.float16ToFloat((short) (code << 8));
  }

  @ParameterizedTest
  @CsvSource({
    "F8_E4M3, 1, 1, weight_scale_inv",
    "F8_E5M2, 1, 1, weight_scale",
    "F8_E4M3, 16, 1, weight_scale",
    "F8_E4M3, 3, 4, weight_scale_inv"
  })
  void floats_of_8_bits_are_multiplied_by_their_scales_and_rounded_once(
      String type, int down, int across, String ending) throws IOException {
    byte[] bytes = new byte[ROWS * COLUMNS];
    random.nextBytes(bytes);
    float[] scales = new float[down * across];
    IntStream.range(0, scales.length).forEach(i -> scales[i] = random.nextFloat(1e-3f, 2));
    List<Raw> tensors =
        List.of(
            raw(".weight", type, ROWS, COLUMNS, bytes),
            raw("." + ending, "F32", down, across, floats(scales)),
            new Raw(NAME + ".input_scale", "F32", List.of(), floats(1)));
    try (Checkpoint checkpoint =
        open("\"quant_method\": \"fp8\", \"weight_block_size\": [6, 18]", tensors)) {
      assertThat(checkpoint.tensorNames()).containsExactly(NAME + ".weight");
      StoredTensor weight = checkpoint.tensor(NAME + ".weight");
      assertThat(weight.dtype()).isEqualTo(DType.BF16);
      for (int i = 0; i < bytes.length; i++) {
        int row = i / COLUMNS;
        int column = i % COLUMNS;
        int scale = across > 1 ? row / 6 * across + column / 18 : down > 1 ? row : 0;
        double number = type.equals("F8_E4M3") ? e4m3(bytes[i]) : e5m2(bytes[i]);
        float product = (float) number * scales[scale];
        float found = weight.element(i);
        if (Float.isFinite(product)) {
          assertThat((double) found)
              .as("element %d, seed %d", i, seed)
              .isCloseTo(product, offset(Math.abs(product) / 256.0));
        } else {
          assertThat(found).isEqualTo(Float.valueOf(product));
        }
      }
      StoredTensor part = weight.part(5, "part");
      assertThat(part.element(7))
          .as("the same, be it no number")
          .isEqualTo(Float.valueOf(weight.element(5 * COLUMNS + 7)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qzeros", "scales"})
  void a_piece_that_is_missing_is_named(String piece) {
    List<Raw> tensors =
        new ArrayList<>(gptq(4, codes(ROWS * COLUMNS, 4), (_, _) -> 7, scales(GROUPS * ROWS)));
    tensors.removeIf(tensor -> tensor.name().endsWith(piece));
    assertThatThrownBy(() -> open(GPTQ + ", \"bits\": 4", tensors))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(NAME + "." + piece);
  }

  @Test
  void columns_in_an_order_of_their_own_are_refused() {
    List<Raw> tensors =
        new ArrayList<>(gptq(4, codes(ROWS * COLUMNS, 4), (_, _) -> 7, scales(GROUPS * ROWS)));
    tensors.removeIf(tensor -> tensor.name().endsWith("g_idx"));
    tensors.add(
        new Raw(NAME + ".g_idx", "I32", List.of((long) COLUMNS), words(COLUMNS, i -> i % GROUPS)));
    assertThatThrownBy(() -> open(GPTQ + ", \"bits\": 4", tensors))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("g_idx")
        .hasMessageContaining("column 1");
    assertThatThrownBy(() -> open(GPTQ + ", \"bits\": 4, \"desc_act\": true", tensors))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'desc_act'");
  }

  @Test
  void a_bias_of_zeros_is_dropped_and_another_kept() throws IOException {
    List<Raw> tensors =
        new ArrayList<>(gptq(4, codes(ROWS * COLUMNS, 4), (_, _) -> 7, scales(GROUPS * ROWS)));
    tensors.removeIf(tensor -> tensor.name().endsWith("bias"));
    float[] bias = new float[ROWS];
    Arrays.fill(bias, 0.5f);
    tensors.add(new Raw(NAME + ".bias", "F16", List.of((long) ROWS), halves(bias)));
    try (Checkpoint checkpoint = open(GPTQ + ", \"bits\": 4, \"sym\": true", tensors)) {
      assertThat(checkpoint.tensorNames()).containsExactly(NAME + ".bias", NAME + ".weight");
    }
  }

  @Test
  void floats_of_8_bits_without_a_scale_or_with_one_of_another_shape_are_refused() {
    Raw weight = raw(".weight", "F8_E4M3", ROWS, COLUMNS, new byte[ROWS * COLUMNS]);
    String blocks = "\"quant_method\": \"fp8\", \"weight_block_size\": [8, 32]";
    assertThatThrownBy(() -> open(blocks, List.of(weight)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("weight_scale_inv");
    Raw scale = raw(".weight_scale_inv", "F32", 2, 3, floats(1, 1, 1, 1, 1, 1));
    assertThatThrownBy(() -> open(blocks, List.of(weight, scale)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("[2, 3]")
        .hasMessageContaining("[2, 2]");
    Raw integers = raw(".weight_scale_inv", "I32", 2, 2, new byte[16]);
    assertThatThrownBy(() -> open(blocks, List.of(weight, integers)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("I32");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "'\"quant_method\": \"gptq\", \"bits\": 3, \"group_size\": 32'; 'bits'",
        "'\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": 32'; 'bits'",
        "'\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 20'; 'group_size'",
        "'\"quant_method\": \"gptq\", \"bits\": 4'; 'group_size'",
        "'\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 32, \"version\": \"gemv\"'; 'version'",
        "'\"quant_method\": \"fp8\", \"weight_block_size\": [128]'; 'weight_block_size'"
      })
  void what_a_configuration_asks_for_and_is_not_supported_is_named(String fields, String field) {
    assertThatThrownBy(() -> open(fields, List.of()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'" + field + "'");
  }

  @Test
  @Timeout(120)
  void packed_folders_with_a_changed_file_are_read_or_refused() throws IOException {
    Mutation mutation = new Mutation(random);
    int read = 0;
    for (int i = 0; i < 600; i++) {
      List<Raw> tensors = gptq(4, codes(ROWS * COLUMNS, 4), (_, _) -> 7, scales(GROUPS * ROWS));
      open(GPTQ + ", \"bits\": 4, \"sym\": true", tensors).close();
      Path changed = folder.resolve(i % 3 == 0 ? "config.json" : "model.safetensors");
      byte[] original = Files.readAllBytes(changed);
      Files.write(changed, i % 3 == 0 ? mutation.ofJson(original) : mutation.ofWeights(original));
      try (Checkpoint checkpoint = new SafetensorsReader(1).open(folder, LoadListener.NONE)) {
        for (String name : checkpoint.tensorNames()) {
          StoredTensor tensor = checkpoint.tensor(name);
          assertThat(tensor.data().byteSize()).isLessThan(16L << 20);
        }
        read++;
      } catch (CheckpointException e) {
        assertThat(e.getMessage()).as("seed %d", seed).isNotBlank().hasSizeLessThan(2000);
      }
    }
    assertThat(read).as("read, seed %d", seed).isBetween(20, 500);
  }

  @Test
  void a_way_that_nobody_knows_stays_in_the_configuration() throws IOException {
    try (Checkpoint checkpoint = open("\"quant_method\": \"bitsandbytes\"", List.of())) {
      assertThat(checkpoint.config()).containsKey("quantization_config");
    }
  }
}
