package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.arithmetic.BFloat16;
import dev.serval.models.cpu.block.Dequantisation;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole matrices multiplied by generated code, beside plain code. */
final class GeneratedMatrixTest {
  private static final long SEED = 20261123;
  private static final int MAX_ROWS = 130;

  private final Random random = new Random(SEED);
  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));
  private final KernelTierSource tier =
      new GeneratedTierSource(List.of(new PlainTierSource()), Processor.here());
  private ComputeBackend generated;
  private ComputeBackend plain;

  @BeforeEach
  void open() {
    assumeTrue(tier.missing(Processor.here()).isEmpty());
    generated = open(tier);
    plain = open(new PlainTierSource());
  }

  private ComputeBackend open(KernelTierSource source) {
    return new CpuBackendProvider(List.of(source), Processor.here()).open(Tiers.CPU, 2, memory);
  }

  @AfterEach
  void close() {
    generated.close();
    plain.close();
    memory.close();
  }

  private StoredTensor tensor(DType dtype, int rows, int columns) {
    byte[] data;
    if (dtype.blockElements() > 1) {
      data = Dequantisation.random(dtype, rows * columns, random);
    } else {
      data = new byte[(int) dtype.bytes((long) rows * columns)];
      MemorySegment bits = MemorySegment.ofArray(data);
      for (int i = 0; i < rows * columns; i++) {
        float value = (float) random.nextGaussian();
        if (dtype == DType.F32) {
          bits.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i, value);
        } else {
          short half = dtype == DType.F16 ? Float.floatToFloat16(value) : BFloat16.fromFloat(value);
          bits.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, half);
        }
      }
    }
    return new StoredTensor(
        "weight", dtype, List.of((long) rows, (long) columns), MemorySegment.ofArray(data));
  }

  private float[] input(int rows, int columns) {
    float[] input = new float[rows * columns];
    for (int i = 0; i < input.length; i++) {
      input[i] = (float) random.nextGaussian();
    }
    return input;
  }

  private static StepBatch step(int rows) {
    StepBatch batch = new StepBatch(MAX_ROWS, 1);
    batch.add(new int[rows], 0, rows, BlockTable.EMPTY, false);
    return batch;
  }

  private static float[] product(ComputeBackend backend, Weight weight, Weight bias, float[] in) {
    int rows = in.length / weight.columns();
    Activations inputs = put(backend, in, weight.columns());
    Activations out = backend.activations(rows, weight.rows());
    backend.linear(step(rows), inputs, weight, bias, out);
    return values(out);
  }

  private static Activations put(ComputeBackend backend, float[] values, int columns) {
    Activations rows = backend.activations(values.length / columns, columns);
    MemorySegment data = ((CpuActivations) rows).data();
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return rows;
  }

  private static float[] values(Activations rows) {
    return ((CpuActivations) rows).data().toArray(ValueLayout.JAVA_FLOAT);
  }

  private static void assertNear(float[] actual, float[] expected, String what) {
    double off = 0;
    double magnitude = 0;
    for (int i = 0; i < expected.length; i++) {
      off += Math.pow((double) actual[i] - expected[i], 2);
      magnitude += Math.pow(expected[i], 2);
    }
    assertThat(Math.sqrt(off / magnitude)).as("%s, seed %d", what, SEED).isLessThan(0.03);
  }

  @ParameterizedTest
  @EnumSource
  void a_product_is_near_that_of_plain_code_for_any_number_of_rows(DType dtype) {
    for (int rows : new int[] {1, 3, 13, 17, 100, 515}) {
      int columns = dtype.blockElements() == 1 ? 77 : dtype.blockElements();
      StoredTensor tensor = tensor(dtype, rows, columns);
      float[] in = input(rows % 29 + 1, columns);
      float[] actual = product(generated, generated.load(List.of(tensor)), null, in);
      float[] expected = product(plain, plain.load(List.of(tensor)), null, in);
      assertNear(actual, expected, dtype + ", " + rows + " rows");
    }
  }

  @Test
  void the_vector_api_has_the_same_bits_for_nibbles() {
    try (ComputeBackend vector = open(new VectorTierSource(Processor.here()))) {
      for (int rows : new int[] {1, 31, 64, 515}) {
        StoredTensor tensor = tensor(DType.Q4_0, rows, 96);
        float[] in = input(rows % 29 + 1, 96);
        in[0] = 0;
        in[in.length - 1] = Float.MIN_VALUE;
        float[] actual = product(vector, vector.load(List.of(tensor)), null, in);
        float[] expected = product(generated, generated.load(List.of(tensor)), null, in);
        assertThat(actual).as("%d rows, seed %d", rows, SEED).isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_row_has_the_same_bits_alone_and_in_any_batch(DType dtype) {
    int columns = dtype.blockElements() == 1 ? 75 : 256;
    Weight weight = generated.load(List.of(tensor(dtype, 203, columns)));
    float[] in = input(MAX_ROWS, columns);
    float[] together = product(generated, weight, null, in);
    for (int rows : new int[] {1, 2, 5, 7, 16, 31, 63}) {
      float[] fewer = product(generated, weight, null, Arrays.copyOf(in, rows * columns));
      assertThat(fewer)
          .as("%s, %d rows, seed %d", dtype, rows, SEED)
          .isEqualTo(Arrays.copyOf(together, fewer.length));
    }
  }

  @ParameterizedTest
  @EnumSource
  void an_embedding_is_exactly_what_is_stored(DType dtype) {
    StoredTensor table = tensor(dtype, 37, dtype.blockElements() == 1 ? 45 : 256);
    StepBatch batch = new StepBatch(4, 1);
    batch.add(new int[] {0, 36, 8, 17}, 0, 4, BlockTable.EMPTY, false);
    float[][] rows = new float[2][];
    ComputeBackend[] backends = {generated, plain};
    for (int i = 0; i < 2; i++) {
      Weight weight = backends[i].load(List.of(table));
      Activations out = backends[i].activations(4, weight.columns());
      backends[i].embed(batch, weight, out);
      rows[i] = values(out);
    }
    assertThat(rows[0]).isEqualTo(rows[1]);
  }

  @Test
  void a_bias_is_added_and_sums_are_added_to_what_is_there() {
    StoredTensor tensor = tensor(DType.Q8_0, 83, 64);
    Weight weight = generated.load(List.of(tensor));
    float[] in = input(9, 64);
    float[] bias = input(1, 83);
    StoredTensor stored =
        new StoredTensor(
            "bias",
            DType.F32,
            List.of(83L),
            MemorySegment.ofArray(MemorySegment.ofArray(bias).toArray(ValueLayout.JAVA_BYTE)));
    Weight biasWeight = generated.load(List.of(stored));
    float[] sums = product(generated, weight, null, in);
    float[] biased = product(generated, weight, biasWeight, in);
    Activations out = put(generated, sums, 83);
    generated.linearAdd(step(9), put(generated, in, 64), weight, null, out);
    float[] doubled = values(out);
    for (int i = 0; i < sums.length; i++) {
      assertThat(biased[i]).isEqualTo(sums[i] + bias[i % 83]);
      assertThat(doubled[i]).isEqualTo(sums[i] + sums[i]);
    }
  }

  @Test
  void parts_of_several_types_are_one_matrix() {
    List<StoredTensor> parts =
        Arrays.stream(DType.values())
            .filter(dtype -> dtype != DType.F32)
            .map(dtype -> tensor(dtype, 21, 512))
            .toList();
    float[] in = input(14, 512);
    float[] actual = product(generated, generated.load(parts), null, in);
    assertNear(actual, product(plain, plain.load(parts), null, in), "stack");
    int columns = 21 * parts.size();
    for (int part = 0; part < parts.size(); part++) {
      float[] alone = product(generated, generated.load(List.of(parts.get(part))), null, in);
      for (int row = 0; row < 14; row++) {
        int from = row * columns + 21 * part;
        assertThat(Arrays.copyOfRange(actual, from, from + 21))
            .as("%s, seed %d", parts.get(part).dtype(), SEED)
            .isEqualTo(Arrays.copyOfRange(alone, 21 * row, 21 * (row + 1)));
      }
    }
  }

  @Test
  void what_is_no_number_stays_so_and_stays_in_its_row() {
    Weight weight = generated.load(List.of(tensor(DType.Q4_0, 50, 96)));
    float[] in = input(8, 96);
    in[3 * 96 + 5] = Float.NaN;
    in[6 * 96 + 95] = Float.NEGATIVE_INFINITY;
    float[] out = product(generated, weight, null, in);
    for (int i = 0; i < out.length; i++) {
      int row = i / 50;
      assertThat(Float.isNaN(out[i])).as("row %d", row).isEqualTo(row == 3 || row == 6);
    }
  }

  @ParameterizedTest
  @EnumSource
  void weights_take_hardly_more_than_their_stored_bytes_or_than_the_bits_of_their_numbers(
      DType dtype) {
    generated.load(List.of(tensor(dtype, 1, 256)));
    long before = memory.used().count();
    generated.load(List.of(tensor(dtype, 512, 512)));
    double bytes = memory.used().count() - before;
    assertThat(bytes).isLessThanOrEqualTo(mostBits(dtype) / Byte.SIZE * 512 * 512);
  }

  /** For an element, its share of scales included. */
  private static double mostBits(DType dtype) {
    return switch (dtype) {
      case TQ1_0 -> 2.13;
      case IQ1_S -> 2.38;
      case IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S -> 3.38;
      case IQ3_XXS, IQ3_S -> 4.38;
      case Q3_K -> 1.06 * stored(dtype);
      default -> 1.04 * stored(dtype);
    };
  }

  private static double stored(DType dtype) {
    return (double) Byte.SIZE * dtype.blockBytes() / dtype.blockElements();
  }

  @Test
  void large_weights_count_and_are_bounded_as_others_are() {
    StoredTensor large = tensor(DType.Q8_0, 2048, 4096);
    long before = memory.used().count();
    generated.load(List.of(large));
    assertThat((double) memory.used().count() - before)
        .isBetween(1.0 * DType.Q8_0.bytes(2048 * 4096), 1.01 * DType.Q8_0.bytes(2048 * 4096));
    try (NativeMemory small = NativeMemory.root("small", Bytes.mebi(5))) {
      ComputeBackend backend =
          new CpuBackendProvider(List.of(tier), Processor.here()).open(Tiers.CPU, 1, small);
      assertThatThrownBy(() -> backend.load(List.of(large)))
          .isInstanceOf(OutOfNativeMemoryException.class);
      backend.close();
    }
  }

  @Test
  void closed_memory_is_noticed() {
    NativeMemory own = memory.child("own");
    ComputeBackend backend =
        new CpuBackendProvider(List.of(tier), Processor.here()).open(Tiers.CPU, 1, own);
    Weight weight = backend.load(List.of(tensor(DType.Q8_0, 16, 32)));
    Activations in = backend.activations(1, 32);
    Activations out = backend.activations(1, 16);
    own.close();
    assertThatThrownBy(() -> backend.linear(step(1), in, weight, null, out))
        .isInstanceOf(IllegalStateException.class);
    backend.close();
  }
}
