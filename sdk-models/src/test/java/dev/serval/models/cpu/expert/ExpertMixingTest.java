package dev.serval.models.cpu.expert;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.TierCase;
import dev.serval.models.cpu.block.Dequantisation;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Experts that are multiplied together give to the bit what each gives by itself, in all types and
 * tiers: the one expert of a row, which counts 1, is its two maps and the gate.
 */
@ParameterizedClass
@MethodSource("dev.serval.models.cpu.Tiers#all")
final class ExpertMixingTest extends TierCase {
  private static final int EXPERTS = 5;
  private static final int WIDTH = 512;
  private static final int INNER = 256;

  ExpertMixingTest(KernelKind kernels) {
    super(kernels);
  }

  private Weight weight(DType dtype, int rows, int columns) {
    byte[] data = Dequantisation.random(dtype, rows * columns, random);
    return backend.load(
        List.of(
            new StoredTensor(
                "weight",
                dtype,
                List.of((long) rows, (long) columns),
                MemorySegment.ofArray(data))));
  }

  private Weight vector(int length) {
    MemorySegment data = MemorySegment.ofArray(Dequantisation.random(DType.F32, length, random));
    return backend.load(List.of(new StoredTensor("bias", DType.F32, List.of((long) length), data)));
  }

  /** Scores are the first columns, one of which is far above the others. */
  private Weight router() {
    MemorySegment data = MemorySegment.ofArray(new byte[EXPERTS * WIDTH * Float.BYTES]);
    for (int expert = 0; expert < EXPERTS; expert++) {
      data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) expert * (WIDTH + 1) * Float.BYTES, 1);
    }
    return backend.load(
        List.of(
            new StoredTensor("router", DType.F32, List.of((long) EXPERTS, (long) WIDTH), data)));
  }

  private Activations rows(int count, int columns) {
    Activations rows = backend.activations(count, columns);
    MemorySegment data = ((CpuActivations) rows).data();
    for (long i = 0; i < (long) count * columns; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian() / 8);
    }
    return rows;
  }

  private static StepBatch batch(int rows) {
    StepBatch batch = new StepBatch(rows, 1);
    batch.add(new int[rows], 0, rows, new BlockTable(), false);
    return batch;
  }

  private static float[] row(Activations rows, int row) {
    return ((CpuActivations) rows)
        .data()
        .asSlice((long) row * WIDTH * Float.BYTES, (long) WIDTH * Float.BYTES)
        .toArray(ValueLayout.JAVA_FLOAT);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void each_row_gets_the_bits_of_its_expert(DType dtype) {
    Weight bias = vector(2 * INNER);
    List<FeedForwardMaps> all =
        Stream.generate(() ->
                new FeedForwardMaps(
                    weight(dtype, 2 * INNER, WIDTH),
                    bias,
                    weight(dtype, WIDTH, INNER),
                    vector(WIDTH)))
            .limit(EXPERTS)
            .toList();
    ExpertSpec spec =
        new ExpertSpec(RouterSpec.softmax(router(), null, 1, true, 1), all, GateFunction.SILU);
    for (int count : new int[] {1, 9, 70}) {
      Activations in = rows(count, WIDTH);
      int[] experts = random.ints(count, 0, EXPERTS).toArray();
      for (int row = 0; row < count; row++) {
        ((CpuActivations) in).set((long) row * WIDTH + experts[row], 100);
      }
      Activations together = backend.activations(count, WIDTH);
      backend.addExperts(batch(count), in, backend.experts(spec, count), together);
      for (int expert = 0; expert < EXPERTS; expert++) {
        Activations alone = alone(in, count, all.get(expert));
        for (int row = 0; row < count; row++) {
          if (experts[row] == expert) {
            assertThat(row(together, row))
                .as("%s, %d rows, row %d, seed %d", dtype, count, row, SEED)
                .containsExactly(row(alone, row));
          }
        }
      }
    }
  }

  private Activations alone(Activations in, int count, FeedForwardMaps expert) {
    Activations between = backend.activations(count, 2 * INNER);
    Activations gated = backend.activations(count, INNER);
    Activations out = backend.activations(count, WIDTH);
    backend.linear(batch(count), in, expert.gateUp(), expert.gateUpBias(), between);
    backend.gate(batch(count), GateFunction.SILU, between, gated);
    backend.linear(batch(count), gated, expert.down(), expert.downBias(), out);
    return out;
  }
}
