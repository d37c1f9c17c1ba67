package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.testkit.models.SteppedModel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every block-wise type on a GPU against plain Java on the processor. */
final class CudaBlockTypesTest {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  private static final ComputeOptions PLAIN =
      ComputeOptions.of(2).withKernels(KernelPreference.require(KernelKind.PLAIN));
  private static final Device CPU =
      new Device("cpu:0", DeviceKind.CPU, "a processor", Bytes.gibi(1), new TreeMap<>());
  private static final SteppedModel.Setup SETUP = SteppedModel.Setup.SMALL.keeping(DType.F32);
  private static final int ROWS = 70;
  private static final int COLUMNS = 512;
  private static final int STEPS = 24;
  private static final float[] MXFP4_NUMBERS = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

  /**
   * How far logits are off, as a part of their size: inputs and most weights are rounded to BF16.
   */
  private static final double TOLERANCE = 0.05;

  static Stream<DType> blockTypes() {
    return Stream.of(DType.values()).filter(type -> type.blockElements() > 1);
  }

  private static ComputeBackendProvider processor() {
    CudaBlockTypesTest.class.getModule().addUses(ComputeBackendProvider.class);
    return ServiceLoader.load(ComputeBackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.supports(CPU))
        .findFirst()
        .orElseThrow();
  }

  /** A table's rows as they are looked up, by way of a product with one. */
  private static float[][] rows(ComputeBackend backend, StoredTensor table) {
    StepBatch batch = new StepBatch(ROWS, ROWS);
    for (int row = 0; row < ROWS; row++) {
      batch.add(new int[] {row}, 0, 1, BlockTable.EMPTY, true);
    }
    Activations out = backend.activations(ROWS, COLUMNS);
    backend.embed(batch, backend.load(List.of(table)), out);
    Logits logits = backend.logits(ROWS, COLUMNS);
    backend.project(batch, out, backend.load(List.of(identity())), null, logits);
    return IntStream.range(0, ROWS)
        .mapToObj(row -> logits.row(row).toArray(ValueLayout.JAVA_FLOAT))
        .toArray(float[][]::new);
  }

  private static StoredTensor identity() {
    MemorySegment ones = MemorySegment.ofArray(new byte[COLUMNS * COLUMNS * Float.BYTES]);
    for (int i = 0; i < COLUMNS; i++) {
      ones.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) i * COLUMNS + i, 1);
    }
    return new StoredTensor("identity", DType.F32, List.of((long) COLUMNS, (long) COLUMNS), ones);
  }

  private static float rounded(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat((bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF0000);
  }

  @ParameterizedTest
  @MethodSource("blockTypes")
  void elements_are_those_of_the_file_or_these_rounded_once_to_bf16(DType dtype) {
    StoredTensor table = RandomBlocks.matrix("table", dtype, ROWS, COLUMNS, 0.1f, new Random(1));
    boolean exact = List.of(DType.Q4_0, DType.Q8_0, DType.IQ4_NL, DType.MXFP4).contains(dtype);
    try (NativeMemory memory = NativeMemory.root("test", Bytes.mebi(64));
        ComputeBackend plain = processor().open(CPU, PLAIN, memory);
        ComputeBackend gpu = GPU.provider().open(GPU.device(), ComputeOptions.of(1), memory)) {
      String unrounded = gpu.numerics().value();
      float[][] expected = rows(plain, table);
      float[][] found = rows(gpu, table);
      for (int row = 0; row < ROWS; row++) {
        for (int k = 0; k < COLUMNS; k++) {
          float stored = expected[row][k];
          assertThat(found[row][k])
              .as("row %d, column %d, %s in the file", row, k, stored)
              .isEqualTo(exact ? stored : rounded(stored));
        }
      }
      assertThat(gpu.numerics().value()).isEqualTo(unrounded + (exact ? "" : "+blocks-as-bf16"));
      assertThat(gpu.description().contains(dtype + " kept as BF16")).isNotEqualTo(exact);
    }
  }

  @Test
  void every_scale_of_mxfp4_makes_of_its_numbers_what_float_arithmetic_does() {
    byte[] data = new byte[256 * DType.MXFP4.blockBytes()];
    for (int e = 0; e < 256; e++) {
      int block = e * DType.MXFP4.blockBytes();
      data[block] = (byte) e;
      for (int i = 0; i < 16; i++) {
        data[block + 1 + i] = (byte) (i | (15 - i) << 4);
      }
    }
    StoredTensor table =
        new StoredTensor("table", DType.MXFP4, List.of(256L, 32L), MemorySegment.ofArray(data));
    try (NativeMemory memory = NativeMemory.root("test", Bytes.mebi(64));
        CudaBackend gpu =
            (CudaBackend) GPU.provider().open(GPU.device(), ComputeOptions.of(1), memory)) {
      int[] all = IntStream.range(0, 256).toArray();
      Activations rows = DeviceRows.of(gpu, gpu.load(List.of(table)), all);
      float[][] found = DeviceRows.values(gpu, rows, 256);
      for (int e = 0; e < 256; e++) {
        float scale = e == 255 ? Float.NaN : Math.scalb(1f, e - 127);
        float[] expected = new float[32];
        for (int k = 0; k < 32; k++) {
          int number = k < 16 ? k : 31 - k;
          expected[k] = (number < 8 ? 1 : -1) * MXFP4_NUMBERS[number & 7] * scale;
        }
        assertThat(found[e]).as("2 to the power of %d - 127", e).containsExactly(expected);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("blockTypes")
  void logits_and_greedy_tokens_are_those_of_plain_java_within_the_rounding(DType dtype) {
    Random tokens = new Random(1);
    int[] prompt = tokens.ints(40, 0, RandomLlama.VOCABULARY).toArray();
    RandomLlama checkpoint = new RandomLlama(dtype);
    try (GpuModel plain = new GpuModel(checkpoint, processor(), CPU, PLAIN, SETUP);
        GpuModel gpu = new GpuModel(checkpoint, GPU.provider(), GPU.device(), SETUP)) {
      SteppedModel.Sequence one = plain.sequence(prompt);
      SteppedModel.Sequence other = gpu.sequence(prompt);
      int decisive = 0;
      for (int step = 0; step < STEPS; step++) {
        float[] expected = plain.advance(one);
        float[] found = gpu.advance(other);
        double tolerance = TOLERANCE * distance(expected, new float[expected.length]);
        assertThat(distance(expected, found)).isLessThan(tolerance);
        if (lead(expected) > 4 * tolerance) {
          decisive++;
          assertThat(SteppedModel.argmax(found)).isEqualTo(SteppedModel.argmax(expected));
        }
        int next = tokens.nextInt(RandomLlama.VOCABULARY);
        one.append(next);
        other.append(next);
      }
      assertThat(decisive).as("steps whose token is beyond doubt").isGreaterThan(STEPS / 4);
    }
  }

  /** The root mean square of two rows' difference. */
  private static double distance(float[] one, float[] other) {
    return Math.sqrt(
        IntStream.range(0, one.length)
            .mapToDouble(i -> one[i] - other[i])
            .map(difference -> difference * difference)
            .average()
            .orElseThrow());
  }

  private static double lead(float[] logits) {
    float[] sorted = logits.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length - 1] - sorted[sorted.length - 2];
  }
}
