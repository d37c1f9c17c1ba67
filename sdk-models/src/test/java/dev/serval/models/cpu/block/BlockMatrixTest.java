package dev.serval.models.cpu.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.TierCase;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Block-wise weights give to the bit what the same weights as F32 give, but for those whose
 * products round their inputs.
 */
@ParameterizedClass
@MethodSource("dev.serval.models.cpu.Tiers#here")
final class BlockMatrixTest extends TierCase {
  private static final int ROWS = 7;
  private static final int[] OF_32 = {0, 9, 18, 31};
  private static final int[] OF_256 = {0, 17, 50, 100, 131, 170, 200, 255};

  BlockMatrixTest(KernelKind kernels) {
    super(kernels);
  }

  private StoredTensor blocks(DType dtype, int rows, int columns) {
    byte[] data = Dequantisation.random(dtype, rows * columns, random);
    return tensor(dtype, rows, columns, MemorySegment.ofArray(data));
  }

  private static StoredTensor plain(StoredTensor blocks) {
    float[] values =
        Dequantisation.expand(blocks.dtype(), blocks.data().toArray(ValueLayout.JAVA_BYTE));
    return tensor(
        DType.F32,
        blocks.shape().getFirst(),
        blocks.shape().getLast(),
        MemorySegment.ofArray(MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE)));
  }

  private static StoredTensor tensor(DType dtype, long rows, long columns, MemorySegment data) {
    return new StoredTensor("weight", dtype, List.of(rows, columns), data);
  }

  private float[] product(List<StoredTensor> parts, float[] input) {
    Weight weight = backend.load(parts);
    Activations in = backend.activations(ROWS, weight.columns());
    Activations out = backend.activations(ROWS, weight.rows());
    MemorySegment.copy(
        input, 0, ((CpuActivations) in).data(), ValueLayout.JAVA_FLOAT, 0, input.length);
    backend.linear(batch(), in, weight, null, out);
    return ((CpuActivations) out).data().toArray(ValueLayout.JAVA_FLOAT);
  }

  private float[] rows(StoredTensor table) {
    Weight weight = backend.load(List.of(table));
    Activations out = backend.activations(ROWS, weight.columns());
    backend.embed(batch(), weight, out);
    return ((CpuActivations) out).data().toArray(ValueLayout.JAVA_FLOAT);
  }

  private static StepBatch batch() {
    StepBatch batch = new StepBatch(ROWS, 1);
    batch.add(new int[] {0, 64, 3, 129, 69, 1, 0}, 0, ROWS, new BlockTable(), false);
    return batch;
  }

  private float[] input(int columns) {
    float[] input = new float[ROWS * columns];
    for (int i = 0; i < input.length; i++) {
      input[i] = (float) random.nextGaussian();
    }
    return input;
  }

  private boolean roundsInputs(DType dtype) {
    return kernels == KernelKind.VECTOR && dtype == DType.Q4_0;
  }

  private void assertProduct(DType dtype, float[] actual, float[] expected, int rows) {
    float tolerance = roundsInputs(dtype) ? 0.02f * largest(expected) : 0;
    assertThat(actual)
        .as("%d rows, seed %d", rows, SEED)
        .usingComparatorWithPrecision(tolerance)
        .containsExactly(expected);
  }

  private static float largest(float[] values) {
    float largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"F32", "F16", "BF16"})
  void a_product_is_that_of_the_same_weights_as_f32(DType dtype) {
    for (int rows : new int[] {1, 65, 600}) {
      int columns = dtype.blockElements() * 3;
      StoredTensor blocks = blocks(dtype, rows, columns);
      float[] input = input(columns);
      float[] expected = product(List.of(plain(blocks)), input);
      assertProduct(dtype, product(List.of(blocks), input), expected, rows);
    }
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"F32", "F16", "BF16"})
  void an_embedding_is_that_of_the_same_weights_as_f32(DType dtype) {
    StoredTensor blocks = blocks(dtype, 130, dtype.blockElements() * 2);
    assertThat(rows(blocks)).as("seed %d", SEED).isEqualTo(rows(plain(blocks)));
  }

  /** Bytes that follow a rule, a scale of 1 and a minimum of ½, as llama.cpp expands them. */
  @ParameterizedTest
  @CsvSource({
    "Q4_0, -1 -2 3 -2",
    "Q4_1, 5.5 4.5 14.5 8.5",
    "Q5_0, 3 2 1 -5",
    "Q5_1, 17.5 0.5 3.5 14.5",
    "Q8_0, -121 -42 37 -48",
    "Q2_K, 6.5 -7.5 13.5 -7 1.5 43.5 23 4.5",
    "Q3_K, -7 128 14 -38 62 -42 -15 -15",
    "Q4_K, 468.5 -8.5 52 -11 627 104 54.5 172.5",
    "Q5_K, 1316.5 -8.5 220 801 627 384 54.5 136.5",
    "Q6_K, 721 -1536 -846 -805 1134 3937 -2407 -3192",
    "IQ4_NL, -10 -22 38 -22",
    "IQ4_XS, -2184 525 -125 276 -66 -300 -78 -2825",
    "MXFP4, 0 -6 0.5 -2",
    "IQ1_S, 13.125 -16.875 0.625 -0.125 6.125 11.375 -2.625 -7.875",
    "IQ1_M, 2.625 -9.625 -0.125 -6.125 12.375 0.125 0.875 -9.625",
    "IQ2_XXS, -21 65.625 -13 27 91.375 -9 166.625 23",
    "IQ2_XS, -80.625 48.375 27 25 -21.875 21 9.375 -13",
    "IQ2_S, -96.875 96.875 19 -48.375 71.875 15.625 59.375 -5",
    "IQ3_XXS, -9 -7 -65 -25 75 -135 108.5 -171",
    "IQ3_S, -465 217 27 -225 -243 9 9 63",
    "TQ1_0, 0 0 1 -1 0 -1 0 0",
    "TQ2_0, 0 -1 0 1 1 2 2 1"
  })
  void a_block_expands_to_what_llama_cpp_makes_of_it(DType dtype, String expected) {
    byte[] block = new byte[dtype.blockBytes()];
    for (int i = 0; i < block.length; i++) {
      block[i] = (byte) (151 * i + 89);
    }
    Dequantisation.normalise(dtype, block);
    int[] places = dtype.blockElements() == 32 ? OF_32 : OF_256;
    ByteBuffer table = ByteBuffer.allocate(130 * block.length);
    IntStream.range(0, 130).forEach(row -> table.put(block));
    float[] row =
        rows(tensor(dtype, 130, dtype.blockElements(), MemorySegment.ofArray(table.array())));
    assertThat(Arrays.stream(places).mapToObj(place -> row[place]).toList())
        .isEqualTo(Arrays.stream(expected.split(" ")).map(Float::valueOf).toList());
    assertThat(Arrays.copyOf(row, dtype.blockElements()))
        .isEqualTo(Dequantisation.expand(dtype, block));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 127, 253, 254, 255})
  void scales_of_eight_bits_are_exact_from_the_least_to_what_is_no_number(int exponent) {
    StoredTensor blocks = blocks(DType.MXFP4, 130, 64);
    for (long block = 0; block < blocks.data().byteSize(); block += DType.MXFP4.blockBytes()) {
      blocks.data().set(ValueLayout.JAVA_BYTE, block, (byte) exponent);
    }
    assertThat(rows(blocks)).as("seed %d", SEED).isEqualTo(rows(plain(blocks)));
    float[] input = input(64);
    float[] expected = product(List.of(plain(blocks)), input);
    assertProduct(DType.MXFP4, product(List.of(blocks), input), expected, 130);
  }

  @Test
  void parts_of_several_types_are_multiplied_as_one_matrix() {
    List<StoredTensor> parts =
        Arrays.stream(DType.values())
            .filter(dtype -> dtype.blockElements() > 1 && !roundsInputs(dtype))
            .map(dtype -> blocks(dtype, 70, 512))
            .toList();
    float[] input = input(512);
    assertThat(product(parts, input))
        .as("seed %d", SEED)
        .isEqualTo(product(parts.stream().map(BlockMatrixTest::plain).toList(), input));
  }

  @Test
  void weights_take_the_bytes_that_they_are_stored_in() {
    long before = memory.used().count();
    backend.load(List.of(blocks(DType.Q4_K, 512, 512)));
    assertThat(memory.used().count() - before).isEqualTo(DType.Q4_K.bytes(512 * 512));
  }

  @Test
  void scales_that_are_not_finite_reach_the_result() {
    byte[] data = new byte[(int) DType.Q8_0.bytes(32)];
    data[1] = 0x7E;
    StoredTensor nan = tensor(DType.Q8_0, 1, 32, MemorySegment.ofArray(data));
    assertThat(product(List.of(nan), input(32))).containsOnly(Float.NaN);
  }

  @Test
  void vectors_and_kv_memory_in_blocks_are_refused() {
    byte[] data = new byte[(int) DType.Q8_0.bytes(32)];
    StoredTensor vector =
        new StoredTensor("norm", DType.Q8_0, List.of(32L), MemorySegment.ofArray(data));
    assertThatThrownBy(() -> backend.load(List.of(vector)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("norm", "Q8_0");
    assertThatThrownBy(() -> backend.kvMemory(new KvLayout(1, 1, 32, 16, DType.Q4_0), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Q4_0");
  }
}
