package dev.serval.models.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.block.Dequantisation;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.testkit.ThreadMeter;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the kernels of the Vector API promise beyond the contract, for each type of weights. */
final class VectorKernelsTest {
  private static final long SEED = 20261124;
  private static final int[] ROWS = {2, 3, 4, 5, 6, 7, 8, 13, 18, 23, 26, 27, 64, 133, 140};

  /** By then all is compiled, on a slow machine as well. */
  private static final Duration WARM_UP = Duration.ofSeconds(20);

  private static final int RUN = 200;

  private final Random random = new Random(SEED);
  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));
  private ComputeBackend backend;

  @BeforeAll
  static void where_there_are_vectors() {
    assumeThat(Tiers.here()).contains(KernelKind.VECTOR);
  }

  /** As an application may: what the compiler has seen of the API's methods is then not uniform. */
  @BeforeAll
  static void use_vectors_of_another_length() {
    float[] values = new float[64];
    for (int i = 0; i < 20_000; i++) {
      int at = i % 16 * 4;
      FloatVector.fromArray(FloatVector.SPECIES_128, values, at).add(1).intoArray(values, at);
    }
    assertThat(values).containsOnly(1250);
  }

  @BeforeEach
  void open() {
    backend =
        new CpuBackendProvider()
            .open(
                Tiers.CPU,
                ComputeOptions.of(1).withKernels(KernelPreference.require(KernelKind.VECTOR)),
                memory);
  }

  @AfterEach
  void close() {
    backend.close();
    memory.close();
  }

  private Weight weight(DType dtype, int rows, int columns) {
    byte[] data =
        dtype.blockElements() > 1
            ? Dequantisation.random(dtype, rows * columns, random)
            : plain(dtype, rows * columns);
    return backend.load(
        List.of(
            new StoredTensor(
                "w", dtype, List.of((long) rows, (long) columns), MemorySegment.ofArray(data))));
  }

  /** Numbers between 2^-8 and 2 of either sign, whose upper octet is the last of each. */
  private byte[] plain(DType dtype, int count) {
    byte[] data = new byte[(int) dtype.bytes(count)];
    random.nextBytes(data);
    int size = dtype.blockBytes();
    for (int last = size - 1; last < data.length; last += size) {
      data[last] = (byte) ((data[last] & 0x83) | 0x38);
    }
    return data;
  }

  private CpuActivations rows(int rows, int columns) {
    CpuActivations buffer = (CpuActivations) backend.activations(rows, columns);
    for (long i = 0; i < (long) rows * columns; i++) {
      buffer.set(i, (float) random.nextGaussian());
    }
    return buffer;
  }

  private static StepBatch step(int rows) {
    StepBatch batch = new StepBatch(rows, 1);
    batch.add(new int[rows], 0, rows, BlockTable.EMPTY, false);
    return batch;
  }

  private static float[] row(CpuActivations buffer, int row) {
    float[] values = new float[buffer.columns()];
    for (int i = 0; i < values.length; i++) {
      values[i] = buffer.at(buffer.row(row) + i);
    }
    return values;
  }

  @ParameterizedTest
  @EnumSource
  void a_row_has_the_same_bits_alone_and_among_any_number(DType dtype) {
    assertSameAlone(weight(dtype, 75, dtype.blockElements() == 1 ? 1301 : 1280), ROWS);
  }

  /** Their inputs do not fit into what a worker has for them. */
  @ParameterizedTest
  @EnumSource
  void a_long_row_has_the_same_bits_alone_and_among_any_number(DType dtype) {
    assertSameAlone(weight(dtype, 75, 16_384), 3, 8, 16);
  }

  private void assertSameAlone(Weight weight, int... counts) {
    int most = counts[counts.length - 1];
    int columns = weight.columns();
    CpuActivations all = rows(most, columns);
    CpuActivations out = (CpuActivations) backend.activations(most, weight.rows());
    CpuActivations one = (CpuActivations) backend.activations(1, columns);
    float[][] alone = new float[most][];
    for (int row = 0; row < most; row++) {
      one.set(0, row(all, row), 0, columns);
      backend.linear(step(1), one, weight, null, out);
      alone[row] = row(out, 0);
    }
    for (int rows : counts) {
      backend.linear(step(rows), all, weight, null, out);
      for (int row = 0; row < rows; row++) {
        assertThat(row(out, row))
            .as("row %d of %d, seed %d", row, rows, SEED)
            .containsExactly(alone[row]);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void what_is_no_number_reaches_its_own_outputs_and_no_others(DType dtype) {
    int columns = dtype.blockElements() == 1 ? 37 : dtype.blockElements();
    Weight weight = weight(dtype, 33, columns);
    CpuActivations in = rows(9, columns);
    CpuActivations clean = (CpuActivations) backend.activations(9, 33);
    backend.linear(step(9), in, weight, null, clean);
    in.set(in.row(3) + columns - 1, Float.NaN);
    CpuActivations out = (CpuActivations) backend.activations(9, 33);
    backend.linear(step(9), in, weight, null, out);
    for (int row = 0; row < 9; row++) {
      if (row == 3) {
        assertThat(row(out, row)).containsOnly(Float.NaN);
      } else {
        assertThat(row(out, row)).as("seed %d", SEED).containsExactly(row(clean, row));
      }
    }
  }

  /** A kernel whose vectors become objects would be ten times slower. */
  @Tag("slow")
  @Tag("compiled")
  @ParameterizedTest
  @EnumSource
  void kernels_that_are_compiled_take_nothing_from_the_heap(DType dtype) {
    Weight weight = weight(dtype, 64, 512);
    CpuActivations in = rows(24, 512);
    CpuActivations out = (CpuActivations) backend.activations(24, 64);
    ThreadMeter meter = new ThreadMeter();
    for (int rows : new int[] {1, 2, 3, 4, 6, 24}) {
      StepBatch batch = step(rows);
      long allocated = Long.MAX_VALUE;
      long end = System.nanoTime() + WARM_UP.toNanos();
      while (allocated >= RUN && System.nanoTime() < end) {
        long before = meter.allocatedBytes();
        for (int run = 0; run < RUN; run++) {
          backend.linear(batch, in, weight, null, out);
        }
        allocated = meter.allocatedBytes() - before;
      }
      assertThat(allocated).as("bytes of %d products with %d rows", RUN, rows).isLessThan(RUN);
    }
  }
}
