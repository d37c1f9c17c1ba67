package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.serval.api.Bytes;
import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionSpec.NormPlace;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How every {@link ComputeBackend} attends; a part of {@link ComputeBackendContract}. */
abstract class AttentionContract {
  private final NativeMemory memory = NativeMemory.root("contract", Bytes.gibi(1));
  final Arena arena = Arena.ofShared();
  ComputeBackend backend;
  BackendProbe probe;

  AttentionContract() {}

  /**
   * Who opens the backends under test.
   *
   * @return the provider
   */
  protected abstract ComputeBackendProvider provider();

  /**
   * Where they run.
   *
   * @return a device that the provider supports
   */
  protected abstract Device device();

  /**
   * How far a result may be off, relative to the sum of the magnitudes that went into it.
   *
   * @return the share; backends that round their inputs to fewer bits allow more
   */
  protected double tolerance() {
    return 1e-6;
  }

  /**
   * Whether KV memory may be of type Q8_0.
   *
   * @return true unless the backend refuses it
   */
  protected boolean keepsEightBits() {
    return true;
  }

  /** Opens the backend that most tests use. */
  @BeforeEach
  protected final void open() {
    backend = open(2);
    probe = new BackendProbe(backend, arena);
  }

  final ComputeBackend open(int threads) {
    return provider().open(device(), threads, memory.child("backend"));
  }

  /** Closes it, and its memory. */
  @AfterEach
  protected final void close() {
    backend.close();
    memory.close();
    arena.close();
  }

  static float[][] floats(Random random, int rows, int columns) {
    return BackendProbe.random(random, DType.F32, rows, columns);
  }

  final void assertRow(float[] actual, double[] expected, double magnitude, String what) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    assertClose(actual, expected, tolerance() * magnitude, what);
  }

  static void refused(ThrowingCallable operation) {
    assertThatIllegalArgumentException().isThrownBy(operation);
  }

  private static void assertClose(float[] actual, double[] expected, double off, String what) {
    for (int i = 0; i < actual.length; i++) {
      if (!(Math.abs(actual[i] - expected[i]) <= off)) {
        assertThat((double) actual[i])
            .as("%s, element %d", what, i)
            .isCloseTo(expected[i], within(off));
      }
    }
  }

  @Test
  void attention_is_that_of_the_reference_over_any_blocks_windows_and_groups() {
    for (int seed = 0; seed < 30; seed++) {
      checkAttention(seed, DType.F32);
    }
  }

  @Test
  void a_cache_of_16_bits_costs_its_rounding_and_no_more() {
    for (int seed = 0; seed < 10; seed++) {
      checkAttention(seed, DType.BF16);
      checkAttention(seed, DType.F16);
    }
  }

  @Test
  void a_cache_of_8_bits_costs_its_rounding_and_no_more() {
    assumeThat(keepsEightBits()).isTrue();
    for (int seed = 0; seed < 10; seed++) {
      checkAttention(seed, DType.Q8_0);
    }
  }

  private void checkAttention(int seed, DType kvType) {
    Random random = new Random(seed);
    AttentionCase attention = new AttentionCase(random, kvType, 1, 45, 18, 300);
    checkAttention(seed, attention, 1 + random.nextInt(50));
  }

  private void checkAttention(long seed, AttentionCase attention, int chunk) {
    List<float[][]> actual = attention.compute(backend, probe, chunk, new Random(seed));
    for (int sequence = 0; sequence < actual.size(); sequence++) {
      double[][] expected = attention.expected(sequence, probe);
      for (int position = 0; position < expected.length; position++) {
        assertClose(
            actual.get(sequence)[position],
            expected[position],
            100 * tolerance() + 16 * rounding(attention.kvType),
            "seed %d: %s, sequence %d, position %d".formatted(seed, attention, sequence, position));
      }
    }
  }

  /** What a cache of this type keeps of a number is within this share of it. */
  private static double rounding(DType kvType) {
    return switch (kvType) {
      case Q8_0 -> 0x1p-7;
      case BF16 -> 0x1p-8;
      case F16 -> 0x1p-11;
      default -> 0;
    };
  }

  @Test
  void sinks_take_their_share_at_heads_of_any_size_and_in_a_cache_of_any_type() {
    Random random = new Random(13);
    for (DType kvType : kvTypes()) {
      for (int headDim : new int[] {64, 96, 128}) {
        long seed = random.nextLong();
        AttentionCase decodes =
            AttentionCase.withSinks(new Random(seed), kvType, headDim, 1, 19, 35);
        checkAttention(seed, decodes, 1);
        AttentionCase chunks = AttentionCase.withSinks(new Random(seed), kvType, headDim, 45, 270);
        checkAttention(seed, chunks, 41);
      }
    }
  }

  private List<DType> kvTypes() {
    return keepsEightBits()
        ? List.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0)
        : List.of(DType.F32, DType.F16, DType.BF16);
  }

  @Test
  void latent_attention_is_that_of_the_reference_in_a_cache_of_any_type() {
    Random random = new Random(23);
    for (DType kvType : kvTypes()) {
      long seed = random.nextLong();
      AttentionCase decodes = AttentionCase.latent(new Random(seed), kvType, 160, 64, 1, 19, 35);
      checkAttention(seed, decodes, 1);
      AttentionCase chunks = AttentionCase.latent(new Random(seed), kvType, 64, 64, 45, 270);
      checkAttention(seed, chunks, 41);
    }
  }

  @Test
  void latent_attention_has_the_same_bits_alone_and_in_a_batch() {
    Random random = new Random(24);
    for (DType kvType : kvTypes()) {
      checkBits(AttentionCase.latent(random, kvType, 64, 32, 300, 3, 33), 300, random);
    }
  }

  @Test
  void queries_alone_attend_to_what_another_layer_has_stored_in_a_cache_of_any_type() {
    Random random = new Random(27);
    for (DType kvType : kvTypes()) {
      for (int[] sizes : new int[][] {{64, 64}, {96, 32}, {128, 128}}) {
        long seed = random.nextLong();
        checkAttention(seed, queriesAlone(seed, kvType, sizes, 1, 19, 35), 1);
        checkAttention(seed, queriesAlone(seed, kvType, sizes, 45, 270), 41);
      }
    }
    for (int[] sizes : new int[][] {{6, 10}, {10, 6}, {8, 8}, {256, 256}}) {
      long seed = random.nextLong();
      checkAttention(seed, queriesAlone(seed, DType.F32, sizes, 1, 45, 18), 13);
    }
  }

  private static AttentionCase queriesAlone(long seed, DType kvType, int[] sizes, int... lengths) {
    return AttentionCase.withQueriesAlone(new Random(seed), kvType, sizes[0], sizes[1], lengths);
  }

  @Test
  void queries_alone_have_the_same_bits_in_a_batch_and_with_any_number_of_threads() {
    Random random = new Random(28);
    for (DType kvType : kvTypes()) {
      int[] sizes = {64, 64};
      checkBits(queriesAlone(random.nextLong(), kvType, sizes, 70, 3, 33), 70, random);
    }
  }

  @Test
  void queries_alone_leave_what_is_stored_as_it_is() {
    for (DType kvType : kvTypes()) {
      AttentionCase attention = queriesAlone(29, kvType, new int[] {64, 64}, 21, 59);
      attention.queriesAlone.clear();
      List<float[][]> clean = attention.compute(backend, probe, 21, new Random(29));
      attention.disturbed = true;
      List<float[][]> disturbed = attention.compute(backend, probe, 21, new Random(29));
      for (int i = 0; i < clean.size(); i++) {
        assertThat(disturbed.get(i)).as("%s", attention).isDeepEqualTo(clean.get(i));
      }
    }
  }

  @Test
  void queries_alone_have_no_norms_of_what_another_layer_has_stored() {
    Weight gain = probe.vector(DType.F32, new float[6]);
    refused(() -> ofQueries(gain, null));
    refused(() -> ofQueries(null, gain));
    AttentionSpec spec = ofQueries(null, null);
    assertThat(spec.stores()).isFalse();
    assertThat(spec.inputColumns()).isEqualTo(spec.queryColumns());
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[1], 0, 1, table(0, 1), false);
    KvMemory kv = backend.kvMemory(new KvLayout(1, 1, 6, 4, DType.F32), 1);
    Activations wide = probe.buffer(1, 2 * 6 + 2 * 6);
    refused(() -> backend.rotateAndStore(batch, wide, spec, 0, kv));
    refused(() -> backend.attention(batch, wide, spec, 0, kv, probe.buffer(1, 2 * 6)));
  }

  private static AttentionSpec ofQueries(@Nullable Weight keyNorm, @Nullable Weight valueNorm) {
    return new AttentionSpec(
        2,
        1,
        6,
        6,
        AttentionSpec.Inputs.QUERIES,
        1,
        AttentionSpec.NO_SOFTCAP,
        AttentionWindow.NONE,
        RotaryEmbedding.of(new double[] {1}),
        NormPlace.BEFORE_ROTATION,
        null,
        keyNorm,
        valueNorm,
        1e-5f,
        null);
  }

  @Test
  void a_sink_of_minus_infinity_takes_nothing() {
    for (DType kvType : kvTypes()) {
      AttentionCase attention = AttentionCase.withSinks(new Random(15), kvType, 64, 3, 270);
      for (int head = 0; head < attention.heads; head += 2) {
        attention.sinkScores[head] = Float.NEGATIVE_INFINITY;
      }
      checkAttention(15, attention, 19);
    }
  }

  @Test
  void what_unused_slots_of_the_cache_hold_does_not_matter() {
    for (int seed = 100; seed < 110; seed++) {
      DType kvType = seed % 2 == 1 && keepsEightBits() ? DType.Q8_0 : DType.F32;
      AttentionCase attention = new AttentionCase(new Random(seed), kvType, 21, 259);
      List<float[][]> clean = attention.compute(backend, probe, 21, new Random(seed));
      attention.poisoned = true;
      List<float[][]> poisoned = attention.compute(backend, probe, 21, new Random(seed));
      for (int i = 0; i < clean.size(); i++) {
        assertThat(poisoned.get(i)).as("seed %d: %s", seed, attention).isDeepEqualTo(clean.get(i));
      }
    }
  }

  @Test
  void results_have_the_same_bits_alone_in_a_batch_in_chunks_and_with_any_number_of_threads() {
    Random random = new Random(7);
    for (int round = 0; round < 5; round++) {
      checkBits(new AttentionCase(random, DType.F32, 70, 3, 33), 70, random);
    }
  }

  @Test
  void results_with_sinks_have_the_same_bits_as_well_even_if_sequences_are_long() {
    Random random = new Random(17);
    for (DType kvType : kvTypes()) {
      checkBits(AttentionCase.withSinks(random, kvType, 64, 600, 3, 33), 600, random);
    }
  }

  private void checkBits(AttentionCase attention, int longest, Random random) {
    List<float[][]> expected = attention.compute(backend, probe, longest, random);
    for (int threads = 1; threads <= 3; threads++) {
      try (ComputeBackend other = open(threads)) {
        BackendProbe otherProbe = new BackendProbe(other, arena);
        List<float[][]> actual = attention.compute(other, otherProbe, 1 + 6 * threads, random);
        for (int i = 0; i < expected.size(); i++) {
          assertThat(actual.get(i)).as("%s", attention).isDeepEqualTo(expected.get(i));
        }
      }
    }
  }

  @Test
  void a_sequence_without_enough_blocks_or_with_wrong_ones_is_refused() {
    AttentionCase attention = new AttentionCase(new Random(11), DType.F32, 1);
    KvMemory kv = backend.kvMemory(attention.layout(), 2);
    int groups = kv.layout().groups();
    AttentionSpec spec = attention.spec(probe);
    Activations qkv = probe.put(new float[attention.blockTokens + 1][attention.columns()]);
    for (int block : new int[] {-1, 2}) {
      StepBatch batch = new StepBatch(1, 1);
      batch.add(new int[1], 0, 1, table(block, groups), false);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> backend.rotateAndStore(batch, qkv, spec, 1, kv))
          .withMessageContaining(String.valueOf(block));
    }
    StepBatch tooLong = new StepBatch(attention.blockTokens + 1, 1);
    tooLong.add(
        new int[attention.blockTokens + 1], 0, attention.blockTokens + 1, table(0, groups), false);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.rotateAndStore(tooLong, qkv, spec, 1, kv));
  }

  /** Of as many tokens as a block holds, all groups of layers in the same one. */
  private static BlockTable table(int block, int groups) {
    BlockTable table = new BlockTable();
    IntStream.range(0, groups).forEach(group -> table.add(block));
    return table;
  }

  @Test
  void blocks_that_a_query_sees_are_there() {
    AttentionCase attention =
        AttentionCase.withSinks(new Random(11), DType.F32, 64, 1)
            .within(new AttentionWindow.Sliding(3));
    KvMemory kv = backend.kvMemory(attention.layout(), 2);
    BlockTable table = table(0, 2 * kv.layout().groups());
    table.set(kv.layout().group(1), BlockTable.NONE);
    AttentionSpec spec = attention.spec(probe);
    Activations qkv = probe.put(new float[1][attention.columns()]);
    int last = 2 * attention.blockTokens - 1;
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[last + 1], last, 1, table, false);
    backend.rotateAndStore(batch, qkv, spec, 1, kv);
    StepBatch before = new StepBatch(1, 1);
    before.add(new int[last], attention.blockTokens, 1, table, false);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.rotateAndStore(before, qkv, spec, 1, kv))
        .withMessageContaining("no KV block -1");
  }

  @Test
  void queries_that_see_more_than_a_layer_keeps_are_refused() {
    AttentionCase attention = new AttentionCase(new Random(11), DType.F32, 1);
    AttentionSpec spec = attention.within(AttentionWindow.NONE).spec(probe);
    KvLayout layout = attention.within(new AttentionWindow.Sliding(3)).layout();
    KvMemory kv = backend.kvMemory(layout, 2);
    Activations qkv = probe.put(new float[1][attention.columns()]);
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[1], 0, 1, table(0, kv.layout().groups()), false);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.rotateAndStore(batch, qkv, spec, 1, kv))
        .withMessageContaining("window=Sliding[positions=3]]")
        .withMessageContaining("window=None[]]");
  }

  @Test
  void sinks_of_another_backend_or_number_are_refused() {
    AttentionCase attention = AttentionCase.withSinks(new Random(18), DType.F32, 64, 1);
    Activations qkv = probe.put(new float[1][attention.columns()]);
    Activations out = probe.buffer(1, attention.spec(probe).outputColumns());
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[1], 0, 1, table(0, 1), false);
    KvMemory kv = backend.kvMemory(attention.layout(), 1);
    float[] scores = attention.sinkScores;
    try (ComputeBackend other = open(1)) {
      for (Weight wrong :
          List.of(
              probe.vector(DType.F32, new float[scores.length + 1]),
              probe.matrix(DType.F32, new float[][] {scores}),
              new BackendProbe(other, arena).vector(DType.F32, scores))) {
        AttentionSpec spec = attention.spec(probe, wrong);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> backend.attention(batch, qkv, spec, 1, kv, out))
            .withMessageContaining("sinks");
      }
    }
  }

  @Test
  void a_layer_of_another_shape_is_refused() {
    AttentionCase attention = new AttentionCase(new Random(12), DType.F32, 1);
    AttentionSpec spec = attention.spec(probe);
    Activations qkv = probe.put(new float[1][attention.columns()]);
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[1], 0, 1, table(0, 1), false);
    KvMemory kv = backend.kvMemory(attention.layout(), 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.rotateAndStore(batch, qkv, spec, 0, kv))
        .withMessageContaining("layer 0 of KV memory keeps KvShape[heads=1, keyDim=1");
  }

  @Test
  void norms_that_are_neither_of_a_head_nor_of_all_of_a_row_s_are_refused() {
    int headDim = 6;
    KvMemory kv = backend.kvMemory(new KvLayout(1, 1, headDim, 4, DType.F32), 1);
    Activations qkv = probe.put(new float[1][4 * headDim]);
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[1], 0, 1, table(0, 1), false);
    Weight ofHead = probe.vector(DType.F32, new float[headDim]);
    Weight ofRow = probe.vector(DType.F32, new float[2 * headDim]);
    Weight other = probe.vector(DType.F32, new float[headDim + 1]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.rotateAndStore(batch, qkv, withNorms(2, other, ofHead), 0, kv))
        .withMessageContaining("query norm");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.rotateAndStore(batch, qkv, withNorms(2, ofRow, other), 0, kv))
        .withMessageContaining("key norm");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> withNorms(1, ofHead, ofRow))
        .withMessageContaining("multiple of 4 columns, not at 6");
  }

  @Test
  void what_is_turned_is_normalised_head_by_head_alone() {
    Weight ofHead = probe.vector(DType.F32, new float[6]);
    Weight ofRow = probe.vector(DType.F32, new float[12]);
    NormPlace behind = NormPlace.BEHIND_ROTATION;
    assertThat(withNorms(2, behind, ofHead, ofHead).normsBehindRotation()).isTrue();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> withNorms(2, behind, ofRow, ofHead))
        .withMessageContaining("6 dimensions, not by 12");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> withNorms(2, behind, ofHead, ofRow))
        .withMessageContaining("6 dimensions, not by 12");
  }

  private static AttentionSpec withNorms(int heads, Weight query, Weight key) {
    return withNorms(heads, NormPlace.BEFORE_ROTATION, query, key);
  }

  private static AttentionSpec withNorms(int heads, NormPlace place, Weight query, Weight key) {
    return new AttentionSpec(
        heads,
        1,
        6,
        6,
        AttentionSpec.Inputs.ALL,
        1,
        AttentionSpec.NO_SOFTCAP,
        AttentionWindow.NONE,
        RotaryEmbedding.of(new double[] {1}),
        place,
        query,
        key,
        null,
        1e-5f,
        null);
  }

  @Test
  void a_cache_of_another_backend_or_shape_is_refused() {
    AttentionCase attention = new AttentionCase(new Random(12), DType.F32, 1);
    AttentionSpec spec = attention.spec(probe);
    Activations qkv = probe.put(new float[1][attention.columns()]);
    Activations out = probe.buffer(1, spec.outputColumns());
    StepBatch batch = new StepBatch(1, 1);
    batch.add(new int[1], 0, 1, table(0, 1), false);
    KvMemory kv = backend.kvMemory(attention.layout(), 1);
    for (int layer : new int[] {-1, attention.layout().layers().size()}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> backend.rotateAndStore(batch, qkv, spec, layer, kv));
    }
    try (ComputeBackend other = open(1)) {
      KvMemory foreign = other.kvMemory(attention.layout(), 1);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> backend.rotateAndStore(batch, qkv, spec, 1, foreign));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> backend.attention(batch, qkv, spec, 1, foreign, out));
    }
  }
}
