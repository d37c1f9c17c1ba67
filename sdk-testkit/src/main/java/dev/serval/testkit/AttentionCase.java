package dev.serval.testkit;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvShape;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionSpec.NormPlace;
import dev.serval.api.compute.AttentionWindow;
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

  /** Some sinks are far above all scores then, and some far below. */
  private static final float SINK_SCALE = 4;

  final int heads;
  final int kvHeads;
  final int headDim;
  final int valueDim;
  final boolean latent;
  AttentionWindow window;
  final float softcap;
  final Norms norms;
  final NormPlace normPlace;
  final boolean sinks;
  final DType kvType;
  final int blockTokens;
  final List<float[][]> sequences = new ArrayList<>();

  /** What another layer has that attends to what this one stores; none if there is no other. */
  final List<float[][]> queriesAlone = new ArrayList<>();

  boolean poisoned;
  boolean disturbed;
  private final float[] queryGain;
  private final float[] keyGain;
  private final float @Nullable [] valueGain;
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
        sizes(random, kvType),
        random.nextInt(3) > 0 ? AttentionSpec.NO_SOFTCAP : 2,
        random.nextInt(3) == 0,
        List.of(1, 4, 16).get(random.nextInt(3)),
        lengths);
  }

  private AttentionCase(
      Random random,
      DType kvType,
      Sizes sizes,
      float softcap,
      boolean sinks,
      int blockTokens,
      int... lengths) {
    kvHeads = 1 + random.nextInt(3);
    heads = kvHeads * List.of(1, 2, 3, 7).get(random.nextInt(4));
    window = window(random);
    this.kvType = kvType;
    headDim = sizes.headDim;
    valueDim = sizes.valueDim;
    latent = sizes.latent;
    this.softcap = softcap;
    this.sinks = sinks;
    this.blockTokens = blockTokens;
    norms = norms(random, latent ? 1 : heads * headDim);
    boolean anywhere = norms == Norms.HEADS && !latent;
    normPlace =
        anywhere && random.nextBoolean() ? NormPlace.BEHIND_ROTATION : NormPlace.BEFORE_ROTATION;
    rotary = rotary(random, (latent ? headDim - valueDim : headDim) / 2);
    boolean ofRows = norms == Norms.ROWS;
    int keyGains = ofRows ? kvHeads * headDim : headDim;
    queryGain = BackendProbe.random(random, DType.F32, 1, ofRows ? heads * headDim : headDim)[0];
    keyGain = BackendProbe.random(random, DType.F32, 1, latent ? valueDim : keyGains)[0];
    valueGain =
        latent || random.nextInt(3) > 0
            ? null
            : BackendProbe.random(random, DType.F32, 1, valueDim)[0];
    sinkScores = BackendProbe.random(random, DType.F32, 1, heads)[0];
    for (int head = 0; head < heads; head++) {
      sinkScores[head] *= SINK_SCALE;
    }
    for (int length : lengths) {
      sequences.add(BackendProbe.random(random, DType.F32, length, columns()));
    }
  }

  /** Has queries see so much. */
  AttentionCase within(AttentionWindow seen) {
    window = seen;
    return this;
  }

  /** One with sinks, of a shape for which backends have their fastest kernels. */
  static AttentionCase withSinks(Random random, DType kvType, int headDim, int... lengths) {
    Sizes sizes = new Sizes(headDim, headDim, false);
    return new AttentionCase(random, kvType, sizes, AttentionSpec.NO_SOFTCAP, true, 16, lengths);
  }

  /** Latent attention of a shape for which backends have their fastest kernels. */
  static AttentionCase latent(Random random, DType kvType, int rank, int turned, int... lengths) {
    Sizes sizes = new Sizes(rank + turned, rank, true);
    return new AttentionCase(random, kvType, sizes, AttentionSpec.NO_SOFTCAP, false, 16, lengths);
  }

  /** A layer that stores keys and values, and another of queries alone that attends to them. */
  static AttentionCase withQueriesAlone(
      Random random, DType kvType, int headDim, int valueDim, int... lengths) {
    Sizes sizes = new Sizes(headDim, valueDim, false);
    float softcap = random.nextInt(3) > 0 ? AttentionSpec.NO_SOFTCAP : 2;
    AttentionCase both =
        new AttentionCase(random, kvType, sizes, softcap, random.nextBoolean(), 16, lengths);
    for (int length : lengths) {
      both.queriesAlone.add(BackendProbe.random(random, DType.F32, length, both.heads * headDim));
    }
    return both;
  }

  /** How large heads are, and whether their values are a part of their keys. */
  private record Sizes(int headDim, int valueDim, boolean latent) {}

  private static Sizes sizes(Random random, DType kvType) {
    int keys = headDim(random, kvType);
    int values = random.nextBoolean() ? keys : headDim(random, kvType);
    return new Sizes(keys, values, values <= keys && random.nextInt(3) == 0);
  }

  private static AttentionWindow window(Random random) {
    int size = List.of(1, 3, 17, 40).get(random.nextInt(4));
    return switch (random.nextInt(4)) {
      case 0 -> AttentionWindow.NONE;
      case 1 -> new AttentionWindow.Chunk(size);
      default -> new AttentionWindow.Sliding(size);
    };
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
    return random.nextBoolean()
        ? sized
        : sized.withGrowingQueries(0.3, 1 + random.nextInt(9), random.nextInt(2));
  }

  int columns() {
    return (heads + kvHeads) * headDim + (latent ? 0 : kvHeads * valueDim);
  }

  KvLayout layout() {
    KvShape other = new KvShape(1, kvType.blockElements());
    KvShape shape = new KvShape(kvHeads, headDim, valueDim, window);
    return new KvLayout(List.of(other, shape), blockTokens, kvType);
  }

  AttentionSpec spec(BackendProbe probe) {
    return spec(probe, sinks(probe));
  }

  AttentionSpec spec(BackendProbe probe, @Nullable Weight given) {
    return spec(probe, latent ? AttentionSpec.Inputs.LATENT : AttentionSpec.Inputs.ALL, given);
  }

  /** That of queries which attend to what is stored already. */
  AttentionSpec specOfQueries(BackendProbe probe) {
    return spec(probe, AttentionSpec.Inputs.QUERIES, sinks(probe));
  }

  private @Nullable Weight sinks(BackendProbe probe) {
    return sinks ? probe.vector(DType.F32, sinkScores) : null;
  }

  private AttentionSpec spec(
      BackendProbe probe, AttentionSpec.Inputs inputs, @Nullable Weight given) {
    boolean stores = inputs != AttentionSpec.Inputs.QUERIES;
    return new AttentionSpec(
        heads,
        kvHeads,
        headDim,
        valueDim,
        inputs,
        0.7f,
        softcap,
        window,
        rotary,
        normPlace,
        norms != Norms.NONE && !latent ? probe.vector(DType.F32, queryGain) : null,
        stores && norms != Norms.NONE ? probe.vector(DType.F32, keyGain) : null,
        stores && valueGain != null ? probe.vector(DType.F32, valueGain) : null,
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
    int groups = kv.layout().groups();
    IntStream.range(0, blocks * groups).forEach(entry -> all.add(entry / groups));
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
    List<float[]> alone = new ArrayList<>();
    List<float[][]> outputs = new ArrayList<>();
    for (int i = 0; i < sequences.size(); i++) {
      int to = Math.min(from + chunk, sequences.get(i).length);
      if (from < to) {
        batch.add(new int[to], from, to - from, tables.get(i), false);
        inputs.addAll(Arrays.asList(sequences.get(i)).subList(from, to));
        outputs.add(results.get(i));
        if (!queriesAlone.isEmpty()) {
          alone.addAll(Arrays.asList(queriesAlone.get(i)).subList(from, to));
        }
      }
    }
    Activations qkv = probe.put(inputs.toArray(float[][]::new));
    Activations out = probe.buffer(inputs.size(), spec.outputColumns());
    backend.rotateAndStore(batch, qkv, spec, 1, kv);
    if (disturbed) {
      AttentionSpec other = specOfQueries(probe);
      backend.rotateAndStore(batch, numberless(probe, inputs.size()), other, 1, kv);
    }
    if (alone.isEmpty()) {
      backend.attention(batch, qkv, spec, 1, kv, out);
    } else {
      Activations queries = probe.put(alone.toArray(float[][]::new));
      AttentionSpec other = specOfQueries(probe);
      backend.rotateAndStore(batch, queries, other, 1, kv);
      backend.attention(batch, queries, other, 1, kv, out);
    }
    float[][] rows = probe.get(out, inputs.size());
    for (int i = 0; i < sequences.size(); i++) {
      forget(tables.get(i), Math.min(from + chunk, sequences.get(i).length));
    }
    for (int row = 0; row < rows.length; row++) {
      outputs.get(batch.sequenceOf(row))[batch.position(row)] = rows[row];
    }
  }

  /** Takes the blocks from a sequence that the next query does not see. */
  private void forget(BlockTable table, int computed) {
    KvLayout layout = layout();
    int seen = window.firstSeen(computed) / blockTokens;
    for (int block = 0; block < seen; block++) {
      table.set(block * layout.groups() + layout.group(1), BlockTable.NONE);
    }
  }

  /** Queries of more rows than a step has, so that no numbers follow them. */
  private Activations numberless(BackendProbe probe, int rows) {
    float[][] queries = new float[2 * rows][heads * headDim];
    for (float[] row : queries) {
      Arrays.fill(row, Float.NaN);
    }
    return probe.put(queries);
  }

  /** One sequence by the reference. */
  double[][] expected(int sequence, BackendProbe probe) {
    AttentionSpec spec = spec(probe);
    float[][] rows = sequences.get(sequence);
    float[][] asking = queriesAlone.isEmpty() ? rows : queriesAlone.get(sequence);
    double[][] out = new double[rows.length][spec.outputColumns()];
    for (int head = 0; head < heads; head++) {
      int kvHead = head / (heads / kvHeads);
      double[][] queries = heads(asking, 0, heads, head, queryGain, spec);
      double[][] keys = heads(rows, heads, kvHeads, kvHead, keyGain, spec);
      double[][] values = latent ? beginnings(keys) : values(rows, kvHead);
      for (int position = 0; position < rows.length; position++) {
        int first = window.firstSeen(position);
        double sink = sinks ? sinkScores[head] : Double.NEGATIVE_INFINITY;
        double[] result =
            Float64.attend(queries[position], keys, values, first, position, spec, sink);
        System.arraycopy(result, 0, out[position], head * valueDim, valueDim);
      }
    }
    return out;
  }

  /** One of a row's heads, of which so many from a first one on are queries or keys. */
  private double[][] heads(
      float[][] rows, int first, int count, int head, float[] gain, AttentionSpec spec) {
    double[][] turned = new double[rows.length][];
    double[][] all = raw(rows, first * headDim, count * headDim);
    for (int position = 0; position < rows.length; position++) {
      double[] own =
          norms == Norms.ROWS ? Float64.rmsNorm(all[position], gain, EPSILON) : all[position];
      double[] values = Arrays.copyOfRange(own, head * headDim, (head + 1) * headDim);
      turned[position] =
          latent
              ? latent(values, norms == Norms.NONE ? null : gain, spec, position, first == 0)
              : turned(values, gain, spec, position, first == 0);
    }
    return turned;
  }

  private double[] turned(
      double[] head, float[] gain, AttentionSpec spec, int position, boolean query) {
    if (norms != Norms.HEADS) {
      return Float64.turned(head, spec, position, query);
    }
    return switch (normPlace) {
      case BEFORE_ROTATION ->
          Float64.turned(Float64.rmsNorm(head, gain, EPSILON), spec, position, query);
      case BEHIND_ROTATION ->
          Float64.rmsNorm(Float64.turned(head, spec, position, query), gain, EPSILON);
    };
  }

  /** What is a value, too, normalised, and turned what lies behind it. */
  private double[] latent(
      double[] head, float @Nullable [] gain, AttentionSpec spec, int position, boolean query) {
    double[] whole = head.clone();
    double[] value = Arrays.copyOf(head, valueDim);
    double[] behind = Arrays.copyOfRange(head, valueDim, headDim);
    double[] normed = query || gain == null ? value : Float64.rmsNorm(value, gain, EPSILON);
    double[] turned = Float64.turned(behind, spec, position, query);
    System.arraycopy(normed, 0, whole, 0, valueDim);
    System.arraycopy(turned, 0, whole, valueDim, headDim - valueDim);
    return whole;
  }

  private double[][] beginnings(double[][] keys) {
    return Arrays.stream(keys).map(key -> Arrays.copyOf(key, valueDim)).toArray(double[][]::new);
  }

  private double[][] values(float[][] rows, int kvHead) {
    double[][] raw = raw(rows, (heads + kvHeads) * headDim + kvHead * valueDim, valueDim);
    float[] gain = valueGain;
    return gain == null
        ? raw
        : Arrays.stream(raw)
            .map(value -> Float64.rmsNorm(value, gain, EPSILON))
            .toArray(double[][]::new);
  }

  private static double[][] raw(float[][] rows, int from, int count) {
    double[][] columns = new double[rows.length][];
    for (int position = 0; position < rows.length; position++) {
      columns[position] = Float64.widen(Arrays.copyOfRange(rows[position], from, from + count));
    }
    return columns;
  }

  @Override
  public String toString() {
    return "%d heads on %d of %d and %d%s, window %s, softcap %s, norms of %s %s, %s, %s blocks of %d"
        .formatted(
            heads,
            kvHeads,
            headDim,
            valueDim,
            latent ? " within" : "",
            window,
            softcap,
            norms,
            normPlace,
            sinks ? "sinks" : "no sinks",
            kvType,
            blockTokens);
  }
}
