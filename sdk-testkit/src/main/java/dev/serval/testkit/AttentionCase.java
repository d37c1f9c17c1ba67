package dev.serval.testkit;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * One shape of attention with random queries, keys and values for a few sequences, which can be
 * computed by a backend in steps of any sort, and by the reference.
 */
final class AttentionCase {
  private static final float EPSILON = 1e-5f;
  private static final int LAYERS = 2;

  /** Some sinks are far above all scores then, and some far below. */
  private static final float SINK_SCALE = 4;

  final int heads;
  final int kvHeads;
  final int headDim;
  final int window;
  final float softcap;
  final Norms norms;
  final boolean sinks;
  final DType kvType;
  final int blockTokens;
  final List<float[][]> sequences = new ArrayList<>();
  boolean poisoned;
  private final float[] queryGain;
  private final float[] keyGain;
  final float[] sinkScores;
  private final RotaryEmbedding rotary;

  /** What norms are over before heads are turned. */
  enum Norms {
    NONE,
    HEADS,
    ROWS
  }

  AttentionCase(Random random, DType kvType, int... lengths) {
    this(
        random,
        kvType,
        headDim(random, kvType),
        random.nextInt(3) > 0 ? AttentionSpec.NO_SOFTCAP : 2,
        random.nextInt(3) == 0,
        List.of(1, 4, 16).get(random.nextInt(3)),
        lengths);
  }

  private AttentionCase(
      Random random,
      DType kvType,
      int headDim,
      float softcap,
      boolean sinks,
      int blockTokens,
      int... lengths) {
    kvHeads = 1 + random.nextInt(3);
    heads = kvHeads * List.of(1, 2, 3, 7).get(random.nextInt(4));
    window = List.of(AttentionSpec.NO_WINDOW, 1, 3, 17, 40).get(random.nextInt(5));
    this.kvType = kvType;
    this.headDim = headDim;
    this.softcap = softcap;
    this.sinks = sinks;
    this.blockTokens = blockTokens;
    norms = norms(random, heads * headDim);
    rotary = rotary(random, headDim / 2);
    boolean ofRows = norms == Norms.ROWS;
    queryGain = BackendProbe.random(random, DType.F32, 1, ofRows ? heads * headDim : headDim)[0];
    keyGain = BackendProbe.random(random, DType.F32, 1, ofRows ? kvHeads * headDim : headDim)[0];
    sinkScores = BackendProbe.random(random, DType.F32, 1, heads)[0];
    for (int head = 0; head < heads; head++) {
      sinkScores[head] *= SINK_SCALE;
    }
    for (int length : lengths) {
      sequences.add(BackendProbe.random(random, DType.F32, length, columns()));
    }
  }

  /** One with sinks, of a shape for which backends have their fastest kernels. */
  static AttentionCase withSinks(Random random, DType kvType, int headDim, int... lengths) {
    return new AttentionCase(random, kvType, headDim, AttentionSpec.NO_SOFTCAP, true, 16, lengths);
  }

  /** Over rows only where keys begin at a multiple of four columns, as they are to. */
  private static Norms norms(Random random, int queryColumns) {
    List<Norms> some =
        queryColumns % 4 == 0 ? List.of(Norms.values()) : List.of(Norms.NONE, Norms.HEADS);
    return some.get(random.nextInt(some.size()));
  }

  private static int headDim(Random random, DType kvType) {
    return kvType.blockElements() > 1
        ? kvType.blockElements() * (1 + random.nextInt(3))
        : List.of(2, 6, 8, 10, 64).get(random.nextInt(5));
  }

  /**
   * Of all pairs of a head, or some, or none; halves or neighbours; as they are, larger, growing.
   */
  private static RotaryEmbedding rotary(Random random, int most) {
    int pairs = random.nextInt(3) > 0 ? most : random.nextInt(most + 1);
    double[] frequencies =
        IntStream.range(0, pairs).mapToDouble(i -> Math.pow(100, -1.0 * i / pairs)).toArray();
    RotaryEmbedding rotary =
        random.nextBoolean()
            ? RotaryEmbedding.of(frequencies)
            : RotaryEmbedding.interleaved(frequencies);
    RotaryEmbedding sized = rotary.withMagnitude(random.nextBoolean() ? 1 : 1.2);
    return random.nextBoolean() ? sized : sized.withGrowingQueries(0.3, 1 + random.nextInt(9));
  }

  int columns() {
    return (heads + 2 * kvHeads) * headDim;
  }

  KvLayout layout() {
    return new KvLayout(LAYERS, kvHeads, headDim, blockTokens, kvType);
  }

  AttentionSpec spec(BackendProbe probe) {
    return spec(probe, sinks ? probe.vector(DType.F32, sinkScores) : null);
  }

  AttentionSpec spec(BackendProbe probe, @Nullable Weight given) {
    return new AttentionSpec(
        heads,
        kvHeads,
        headDim,
        0.7f,
        softcap,
        window,
        rotary,
        norms != Norms.NONE ? probe.vector(DType.F32, queryGain) : null,
        norms != Norms.NONE ? probe.vector(DType.F32, keyGain) : null,
        EPSILON,
        given);
  }

  /** All sequences on a backend, in steps of at most {@code chunk} tokens of each. */
  List<float[][]> compute(ComputeBackend backend, BackendProbe probe, int chunk, Random order) {
    List<float[][]> results = new ArrayList<>();
    List<BlockTable> tables = new ArrayList<>();
    int needed = sequences.stream().mapToInt(rows -> layout().blocksFor(rows.length)).sum();
    List<Integer> free = new ArrayList<>(IntStream.range(0, needed).boxed().toList());
    Collections.shuffle(free, order);
    for (float[][] rows : sequences) {
      BlockTable table = new BlockTable();
      for (int i = layout().blocksFor(rows.length); i > 0; i--) {
        table.add(free.removeLast());
      }
      tables.add(table);
      results.add(new float[rows.length][]);
    }
    KvMemory kv = backend.kvMemory(layout(), needed);
    AttentionSpec spec = spec(probe);
    if (poisoned) {
      poison(backend, probe, kv, spec, needed);
    }
    int longest = sequences.stream().mapToInt(rows -> rows.length).max().orElseThrow();
    for (int from = 0; from < longest; from += chunk) {
      step(backend, probe, kv, spec, tables, from, chunk, results);
    }
    return results;
  }

  /** Fills every slot with what is no number, by a sequence that holds all blocks. */
  private void poison(
      ComputeBackend backend, BackendProbe probe, KvMemory kv, AttentionSpec spec, int blocks) {
    BlockTable all = new BlockTable();
    IntStream.range(0, blocks).forEach(all::add);
    int tokens = blocks * blockTokens;
    float[][] rows = new float[tokens][columns()];
    for (float[] row : rows) {
      Arrays.fill(row, Float.NaN);
    }
    StepBatch batch = new StepBatch(tokens, 1);
    batch.add(new int[tokens], 0, tokens, all, false);
    backend.rotateAndStore(batch, probe.put(rows), spec, 1, kv);
  }

  private void step(
      ComputeBackend backend,
      BackendProbe probe,
      KvMemory kv,
      AttentionSpec spec,
      List<BlockTable> tables,
      int from,
      int chunk,
      List<float[][]> results) {
    StepBatch batch = new StepBatch(chunk * sequences.size(), sequences.size());
    List<float[]> inputs = new ArrayList<>();
    List<float[][]> outputs = new ArrayList<>();
    for (int i = 0; i < sequences.size(); i++) {
      int to = Math.min(from + chunk, sequences.get(i).length);
      if (from < to) {
        batch.add(new int[to], from, to - from, tables.get(i), false);
        inputs.addAll(Arrays.asList(sequences.get(i)).subList(from, to));
        outputs.add(results.get(i));
      }
    }
    Activations qkv = probe.put(inputs.toArray(float[][]::new));
    Activations out = probe.buffer(inputs.size(), spec.queryColumns());
    backend.rotateAndStore(batch, qkv, spec, 1, kv);
    backend.attention(batch, qkv, spec, 1, kv, out);
    float[][] rows = probe.get(out, inputs.size());
    for (int row = 0; row < rows.length; row++) {
      outputs.get(batch.sequenceOf(row))[batch.position(row)] = rows[row];
    }
  }

  /** One sequence by the reference. */
  double[][] expected(int sequence, BackendProbe probe) {
    AttentionSpec spec = spec(probe);
    float[][] rows = sequences.get(sequence);
    double[][] out = new double[rows.length][spec.queryColumns()];
    for (int head = 0; head < heads; head++) {
      int kvHead = head / (heads / kvHeads);
      double[][] queries = heads(rows, 0, heads, head, queryGain, spec);
      double[][] keys = heads(rows, heads, kvHeads, kvHead, keyGain, spec);
      double[][] values = raw(rows, heads + kvHeads + kvHead, 1);
      for (int position = 0; position < rows.length; position++) {
        int first = Math.max(0, position - window + 1);
        double sink = sinks ? sinkScores[head] : Double.NEGATIVE_INFINITY;
        double[] result =
            Float64.attend(queries[position], keys, values, first, position, spec, sink);
        System.arraycopy(result, 0, out[position], head * headDim, headDim);
      }
    }
    return out;
  }

  /** One of a row's heads, of which so many from a first one on are queries or keys. */
  private double[][] heads(
      float[][] rows, int first, int count, int head, float[] gain, AttentionSpec spec) {
    double[][] turned = new double[rows.length][];
    double[][] all = raw(rows, first, count);
    for (int position = 0; position < rows.length; position++) {
      double[] own =
          norms == Norms.ROWS ? Float64.rmsNorm(all[position], gain, EPSILON) : all[position];
      double[] values = Arrays.copyOfRange(own, head * headDim, (head + 1) * headDim);
      turned[position] =
          Float64.turned(
              norms == Norms.HEADS ? Float64.rmsNorm(values, gain, EPSILON) : values,
              spec,
              position,
              first == 0);
    }
    return turned;
  }

  private double[][] raw(float[][] rows, int first, int count) {
    double[][] heads = new double[rows.length][];
    for (int position = 0; position < rows.length; position++) {
      heads[position] =
          Float64.widen(
              Arrays.copyOfRange(rows[position], first * headDim, (first + count) * headDim));
    }
    return heads;
  }

  @Override
  public String toString() {
    return "%d heads on %d of %d, window %d, softcap %s, norms of %s, %s, %s blocks of %d"
        .formatted(
            heads,
            kvHeads,
            headDim,
            window,
            softcap,
            norms,
            sinks ? "sinks" : "no sinks",
            kvType,
            blockTokens);
  }
}
