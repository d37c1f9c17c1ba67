package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.models.cpu.Tiers;
import dev.serval.models.cpu.attention.AttentionSpecs;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.CpuKvMemory;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelTierSource;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention by dot products of BF16, over a cache of BF16. */
final class GeneratedAttentionTest {
  private static final int LONGEST = 300;

  /** What BF16 keeps of a number is within this share of it. */
  private static final double ROUNDING = 0x1p-8;

  private final NativeMemory memory = NativeMemory.root("test", Bytes.gibi(1));
  private final KernelTierSource tier =
      new GeneratedTierSource(List.of(new PlainTierSource()), Processor.here());

  private record Shape(
      int kvHeads, int group, int headDim, int window, int blockTokens, boolean sinks) {
    int queryColumns() {
      return kvHeads * group * headDim;
    }

    int columns() {
      return queryColumns() + 2 * kvHeads * headDim;
    }

    KvLayout layout() {
      return new KvLayout(1, kvHeads, headDim, blockTokens, DType.BF16);
    }

    AttentionSpec spec(ComputeBackend backend) {
      return sinks
          ? AttentionSpecs.withSinks(kvHeads, group, headDim, window, backend)
          : AttentionSpecs.of(kvHeads, group, headDim, window);
    }
  }

  @BeforeEach
  void where_there_are_dot_products() {
    Tiers.assumeBfloatDots(tier);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private ComputeBackend open(KernelTierSource source, int threads) {
    return new CpuBackendProvider(List.of(source), Processor.here())
        .open(Tiers.CPU, threads, memory);
  }

  private static List<float[][]> sequences(Shape shape, int... lengths) {
    Random random = new Random(shape.hashCode());
    List<float[][]> sequences = new ArrayList<>();
    for (int length : lengths) {
      float[][] rows = new float[length][shape.columns()];
      for (float[] row : rows) {
        for (int i = 0; i < row.length; i++) {
          row[i] = (float) random.nextGaussian();
        }
      }
      sequences.add(rows);
    }
    return sequences;
  }

  /** All sequences side by side, so many rows of each in a step, in a cache full of NaN. */
  private static List<float[][]> attend(
      ComputeBackend backend, Shape shape, List<float[][]> sequences, int chunk) {
    int blocks = shape.layout().blocksFor(LONGEST);
    CpuKvMemory kv = (CpuKvMemory) backend.kvMemory(shape.layout(), blocks * sequences.size());
    kv.segment().fill((byte) -1);
    List<float[][]> results = new ArrayList<>();
    List<BlockTable> tables = new ArrayList<>();
    for (float[][] rows : sequences) {
      results.add(new float[rows.length][]);
      BlockTable table = new BlockTable();
      for (int block = 0; block < blocks; block++) {
        table.add(block * sequences.size() + tables.size());
      }
      tables.add(table);
    }
    AttentionSpec spec = shape.spec(backend);
    for (int from = 0; from < LONGEST; from += chunk) {
      step(backend, shape, spec, kv, tables, sequences, from, chunk, results);
    }
    return results;
  }

  private static void step(
      ComputeBackend backend,
      Shape shape,
      AttentionSpec spec,
      CpuKvMemory kv,
      List<BlockTable> tables,
      List<float[][]> sequences,
      int from,
      int chunk,
      List<float[][]> results) {
    int most = chunk * sequences.size();
    StepBatch batch = new StepBatch(most, sequences.size());
    CpuActivations qkv = (CpuActivations) backend.activations(most, shape.columns());
    CpuActivations out = (CpuActivations) backend.activations(most, shape.queryColumns());
    List<float[][]> outputs = new ArrayList<>();
    for (int i = 0; i < sequences.size(); i++) {
      float[][] rows = sequences.get(i);
      int to = Math.min(from + chunk, rows.length);
      for (int position = from; position < to; position++) {
        qkv.set(qkv.row(batch.rows() + position - from), rows[position], 0, shape.columns());
      }
      if (from < to) {
        batch.add(new int[to], from, to - from, tables.get(i), false);
        outputs.add(results.get(i));
      }
    }
    if (batch.rows() == 0) {
      return;
    }
    backend.rotateAndStore(batch, qkv, spec, 0, kv);
    backend.attention(batch, qkv, spec, 0, kv, out);
    for (int row = 0; row < batch.rows(); row++) {
      long bytes = (long) shape.queryColumns() * Float.BYTES;
      outputs.get(batch.sequenceOf(row))[batch.position(row)] =
          out.data().asSlice(row * bytes, bytes).toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2,1,32,0,16,false",
    "1,8,64,0,16,false",
    "2,2,128,0,32,false",
    "3,3,64,40,16,false",
    "1,7,96,270,48,false",
    "1,8,64,0,16,true",
    "2,2,128,128,32,true",
    "1,7,96,270,48,true"
  })
  void results_are_those_of_plain_java_but_for_the_rounding(
      int kvHeads, int group, int headDim, int window, int blockTokens, boolean sinks) {
    Shape shape = new Shape(kvHeads, group, headDim, window, blockTokens, sinks);
    List<float[][]> sequences = sequences(shape, LONGEST, 17);
    try (ComputeBackend plain = open(new PlainTierSource(), 1);
        ComputeBackend generated = open(tier, 2)) {
      assertThat(generated.numerics().value()).contains("attention");
      List<float[][]> expected = attend(plain, shape, sequences, LONGEST);
      List<float[][]> actual = attend(generated, shape, sequences, LONGEST);
      for (int i = 0; i < sequences.size(); i++) {
        for (int row = 0; row < sequences.get(i).length; row++) {
          assertThat(actual.get(i)[row])
              .as("%s, sequence %d, row %d", shape, i, row)
              .containsExactly(expected.get(i)[row], within((float) (6 * ROUNDING)));
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "2,1,32,0,16,false",
    "1,8,64,0,16,false",
    "1,2,128,0,16,false",
    "2,3,64,40,32,false",
    "1,8,64,0,16,true",
    "1,2,128,0,16,true",
    "2,3,64,40,32,true"
  })
  void bits_are_the_same_alone_in_a_batch_in_chunks_and_with_any_number_of_threads(
      int kvHeads, int group, int headDim, int window, int blockTokens, boolean sinks) {
    Shape shape = new Shape(kvHeads, group, headDim, window, blockTokens, sinks);
    List<float[][]> sequences = sequences(shape, LONGEST, 33, 259);
    List<float[][]> expected = new ArrayList<>();
    try (ComputeBackend backend = open(tier, 1)) {
      for (float[][] alone : sequences) {
        expected.addAll(attend(backend, shape, List.<float[][]>of(alone), LONGEST));
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (ComputeBackend backend = open(tier, threads)) {
        List<float[][]> actual = attend(backend, shape, sequences, 1 + 18 * (threads - 1));
        for (int i = 0; i < sequences.size(); i++) {
          assertThat(actual.get(i)).as("%s", shape).isDeepEqualTo(expected.get(i));
        }
      }
    }
  }
}
