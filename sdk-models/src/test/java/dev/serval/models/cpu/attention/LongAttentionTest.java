package dev.serval.models.cpu.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.generated.GeneratedTierSource;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sequences of so many tokens that their attention is cut into pieces for several threads. */
final class LongAttentionTest {
  private static final int TOKENS = 1333;
  private static final int LAST_ROWS = 3;

  /** The cache holds so much more that there is room for the sums of each of the last rows. */
  private static final int CACHED = (LAST_ROWS + 1) * TOKENS;

  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));

  @AfterEach
  void close() {
    memory.close();
  }

  private static KernelTierSource tier(String name) {
    Processor here = Processor.here();
    KernelTierSource vector = new VectorTierSource(here);
    return name.equals("vector") ? vector : new GeneratedTierSource(List.of(vector), here);
  }

  private record Shape(
      int kvHeads, int group, int headDim, int window, DType dtype, boolean sinks) {
    AttentionSpec spec(ComputeBackend backend) {
      return sinks
          ? AttentionSpecs.withSinks(kvHeads, group, headDim, window, backend)
          : AttentionSpecs.of(kvHeads, group, headDim, window);
    }
  }

  /** The output of the last rows, in a step with all rows before them or with themselves alone. */
  private float[] lastRows(KernelTierSource tier, int threads, Shape shape, boolean alone) {
    try (ComputeBackend backend =
        new CpuBackendProvider(List.of(tier), Processor.here())
            .open(Tiers.CPU, threads, memory.child("backend"))) {
      AttentionSpec spec = shape.spec(backend);
      int columns = spec.queryColumns() + 2 * spec.keyColumns();
      KvLayout layout = new KvLayout(1, shape.kvHeads(), shape.headDim(), 16, shape.dtype());
      KvMemory kv = backend.kvMemory(layout, layout.blocksFor(CACHED));
      BlockTable table = new BlockTable();
      for (int block = layout.blocksFor(TOKENS) - 1; block >= 0; block--) {
        table.add(block);
      }
      CpuActivations qkv = (CpuActivations) backend.activations(TOKENS, columns);
      Random random = new Random(20261128);
      for (long i = 0; i < (long) TOKENS * columns; i++) {
        qkv.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      StepBatch all = new StepBatch(TOKENS, 1);
      all.add(new int[TOKENS], 0, TOKENS, table, false);
      backend.rotateAndStore(all, qkv, spec, 0, kv);
      int first = alone ? TOKENS - LAST_ROWS : 0;
      StepBatch batch = new StepBatch(TOKENS, 1);
      batch.add(new int[TOKENS], first, TOKENS - first, table, false);
      if (alone) {
        for (int row = 0; row < LAST_ROWS; row++) {
          qkv.move(first + row, row);
        }
      }
      CpuActivations out = (CpuActivations) backend.activations(TOKENS, spec.queryColumns());
      backend.attention(batch, qkv, spec, 0, kv, out);
      long rowBytes = (long) spec.queryColumns() * Float.BYTES;
      return out.data()
          .asSlice((batch.rows() - LAST_ROWS) * rowBytes, LAST_ROWS * rowBytes)
          .toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "vector,3,3,64,BF16,0,false",
    "vector,1,2,48,F32,700,false",
    "vector,3,1,64,BF16,0,false",
    "vector,1,2,48,BF16,516,false",
    "vector,2,1,32,BF16,21,false",
    "vector,1,1,32,Q8_0,0,false",
    "vector,1,8,64,BF16,0,true",
    "vector,1,2,48,F32,700,true",
    "vector,2,3,64,Q8_0,516,true",
    "vector,3,3,128,F16,0,true",
    "generated,3,3,64,BF16,0,false",
    "generated,1,14,128,BF16,0,false",
    "generated,1,4,32,BF16,515,false",
    "generated,1,2,64,Q8_0,0,false",
    "generated,1,8,64,BF16,0,true",
    "generated,3,3,64,BF16,515,true",
    "generated,1,14,128,BF16,0,true",
    "generated,1,2,64,Q8_0,0,true",
    "generated,1,2,64,F32,700,true"
  })
  void bits_are_the_same_cut_for_many_threads_and_whole(
      String tierName,
      int kvHeads,
      int group,
      int headDim,
      DType dtype,
      int window,
      boolean sinks) {
    KernelTierSource tier = tier(tierName);
    assumeTrue(tier.missing(Processor.here()).isEmpty());
    Shape shape = new Shape(kvHeads, group, headDim, window, dtype, sinks);
    float[] expected = lastRows(tier, 1, shape, false);
    for (int threads = 1; threads <= 5; threads += 2) {
      assertThat(lastRows(tier, threads, shape, true))
          .as("%s, %d threads", shape, threads)
          .isEqualTo(expected);
    }
  }
}
