package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sinks of heads of every size, in prompts and in steps of one token over one part or several. */
final class CudaAttentionTest extends CudaCase {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=9.0");

  private static final int KV_HEADS = 2;
  private static final int HEADS = 6;
  private static final int BLOCK_TOKENS = 16;
  private static final float[] SINKS = {0, 1.5f, -2, 5, Float.NEGATIVE_INFINITY, 0.25f};

  @Override
  ComputeBackend open(NativeMemory host) {
    return GPU.provider().open(GPU.device(), ComputeOptions.of(1), host);
  }

  private Weight weight(List<Long> shape, float... values) {
    MemorySegment data = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
    MemorySegment.copy(MemorySegment.ofArray(values), 0, data, 0, data.byteSize());
    return backend.load(List.of(new StoredTensor("numbers", DType.F32, shape, data)));
  }

  private Weight vector(float... values) {
    return weight(List.of((long) values.length), values);
  }

  private static AttentionSpec spec(
      int headDim, float softcap, AttentionWindow window, @Nullable Weight sinks) {
    RotaryEmbedding rotary = RotaryEmbedding.of(new double[] {1, 0.1});
    return new AttentionSpec(
        HEADS,
        KV_HEADS,
        headDim,
        headDim,
        AttentionSpec.Inputs.ALL,
        0.5f,
        softcap,
        window,
        rotary,
        AttentionSpec.NormPlace.BEFORE_ROTATION,
        null,
        null,
        null,
        1e-5f,
        sinks);
  }

  /** Queries of any sort, keys of this size, and values of 1. */
  private float[] rows(int count, int headDim, float keys) {
    int columns = (HEADS + 2 * KV_HEADS) * headDim;
    float[] rows = new float[count * columns];
    for (int i = 0; i < rows.length; i++) {
      int head = i % columns / headDim;
      boolean isKey = head >= HEADS && head < HEADS + KV_HEADS;
      boolean isValue = head >= HEADS + KV_HEADS;
      rows[i] = isValue ? 1 : (isKey ? keys : 1) * (float) random.nextGaussian();
    }
    return rows;
  }

  /** What a sequence's rows attend to: all but the last in one step, and that in one of its own. */
  private float[][] attend(float[] rows, int count, AttentionSpec spec) {
    int columns = rows.length / count;
    Weight table = weight(List.of((long) count, (long) columns), rows);
    KvLayout layout = new KvLayout(1, KV_HEADS, spec.headDim(), BLOCK_TOKENS, DType.BF16);
    KvMemory kv = backend.kvMemory(layout, layout.blocksFor(count));
    BlockTable blocks = new BlockTable();
    IntStream.range(0, layout.blocksFor(count)).forEach(blocks::add);
    int[] tokens = IntStream.range(0, count).toArray();
    float[][] results = new float[count][];
    for (int[] step : new int[][] {{0, count - 1}, {count - 1, 1}}) {
      Activations qkv = backend.activations(step[1], columns);
      Activations out = backend.activations(step[1], spec.queryColumns());
      StepBatch batch = new StepBatch(step[1], 1);
      batch.add(tokens, step[0], step[1], blocks, true);
      backend.step(
          batch,
          each -> {
            backend.embed(each, table, qkv);
            backend.rotateAndStore(each, qkv, spec, 0, kv);
            backend.attention(each, qkv, spec, 0, kv, out);
          });
      float[][] given = DeviceRows.values(backend, out, step[1]);
      System.arraycopy(given, 0, results, step[0], step[1]);
    }
    return results;
  }

  /** Where all scores are 0, each position has as much of the softmax as a sink of 0. */
  @ParameterizedTest
  @CsvSource({"64,8", "64,300", "96,300", "128,8", "128,600", "256,8", "256,300"})
  void a_sink_takes_its_share_of_the_softmax_and_gives_nothing_for_it(int headDim, int count) {
    float[] rows = rows(count, headDim, 0);
    for (float softcap : new float[] {AttentionSpec.NO_SOFTCAP, 3}) {
      float[][] found =
          attend(rows, count, spec(headDim, softcap, AttentionWindow.NONE, vector(SINKS)));
      for (int row = 0; row < count; row++) {
        for (int column = 0; column < HEADS * headDim; column++) {
          double share = (row + 1) / (row + 1 + Math.exp(SINKS[column / headDim]));
          assertThat((double) found[row][column])
              .as("softcap %s, row %d, column %d", softcap, row, column)
              .isCloseTo(share, within(1e-5));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 96, 128, 256})
  void a_sink_counts_beside_the_positions_of_a_window(int headDim) {
    int count = 300;
    float[][] found =
        attend(
            rows(count, headDim, 0),
            count,
            spec(
                headDim, AttentionSpec.NO_SOFTCAP, new AttentionWindow.Sliding(20), vector(SINKS)));
    for (int row = 0; row < count; row++) {
      double seen = Math.min(row + 1, 20);
      for (int head = 0; head < HEADS; head++) {
        assertThat((double) found[row][head * headDim])
            .as("row %d, head %d", row, head)
            .isCloseTo(seen / (seen + Math.exp(SINKS[head])), within(1e-5));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 96, 128, 256})
  void heads_whose_sinks_are_nothing_have_the_bits_of_heads_without(int headDim) {
    int count = 300;
    float[] rows = rows(count, headDim, 1);
    float[] nothing = new float[HEADS];
    Arrays.fill(nothing, Float.NEGATIVE_INFINITY);
    AttentionWindow window = AttentionWindow.NONE;
    float softcap = AttentionSpec.NO_SOFTCAP;
    float[][] expected = attend(rows, count, spec(headDim, softcap, window, null));
    assertThat(attend(rows, count, spec(headDim, softcap, window, vector(nothing))))
        .isDeepEqualTo(expected);
  }

  @Test
  void sinks_that_are_not_a_vector_of_one_for_each_head_are_refused() {
    float[] rows = rows(2, 64, 1);
    for (Weight sinks :
        List.of(
            vector(new float[HEADS - 1]),
            vector(new float[HEADS + 1]),
            weight(List.of(1L, (long) HEADS), new float[HEADS]))) {
      AttentionSpec spec = spec(64, AttentionSpec.NO_SOFTCAP, AttentionWindow.NONE, sinks);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> attend(rows, 2, spec))
          .withMessageContaining("sinks");
    }
  }
}
