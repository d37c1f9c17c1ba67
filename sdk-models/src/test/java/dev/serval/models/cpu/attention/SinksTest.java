package dev.serval.models.cpu.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.models.cpu.TierCase;
import dev.serval.models.cpu.memory.CpuActivations;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Sinks that are no finite numbers, in each tier of kernels. */
@ParameterizedClass
@MethodSource("dev.serval.models.cpu.Tiers#all")
final class SinksTest extends TierCase {
  private static final int TOKENS = 300;
  private static final int KV_HEADS = 2;
  private static final int HEADS = 4;
  private static final int HEAD_DIM = 64;

  SinksTest(KernelKind kernels) {
    super(kernels);
  }

  private CpuActivations queriesKeysAndValues() {
    int columns = (HEADS + 2 * KV_HEADS) * HEAD_DIM;
    CpuActivations qkv = (CpuActivations) backend.activations(TOKENS, columns);
    for (long i = 0; i < (long) TOKENS * columns; i++) {
      qkv.set(i, (float) random.nextGaussian());
    }
    return qkv;
  }

  /** The output of each head of each row. */
  private float[][][] attend(CpuActivations given, DType kvType, @Nullable Weight sinks) {
    AttentionSpec spec =
        AttentionSpecs.of(KV_HEADS, HEADS / KV_HEADS, HEAD_DIM, AttentionWindow.NONE, sinks);
    CpuActivations qkv = (CpuActivations) backend.activations(TOKENS, given.columns());
    qkv.data().copyFrom(given.data());
    KvLayout layout = new KvLayout(1, KV_HEADS, HEAD_DIM, 16, kvType);
    KvMemory kv = backend.kvMemory(layout, layout.blocksFor(TOKENS));
    BlockTable table = new BlockTable();
    for (int block = 0; block < layout.blocksFor(TOKENS); block++) {
      table.add(block);
    }
    StepBatch batch = new StepBatch(TOKENS, 1);
    batch.add(new int[TOKENS], 0, TOKENS, table, false);
    backend.rotateAndStore(batch, qkv, spec, 0, kv);
    CpuActivations out = (CpuActivations) backend.activations(TOKENS, spec.queryColumns());
    backend.attention(batch, qkv, spec, 0, kv, out);
    float[] all = out.data().toArray(ValueLayout.JAVA_FLOAT);
    float[][][] rows = new float[TOKENS][HEADS][];
    for (int head = 0; head < TOKENS * HEADS; head++) {
      rows[head / HEADS][head % HEADS] =
          Arrays.copyOfRange(all, head * HEAD_DIM, (head + 1) * HEAD_DIM);
    }
    return rows;
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void a_sink_of_minus_infinity_gives_the_bits_of_none(DType kvType) {
    CpuActivations qkv = queriesKeysAndValues();
    float none = Float.NEGATIVE_INFINITY;
    float[][][] without = attend(qkv, kvType, null);
    float[][][] with =
        attend(qkv, kvType, AttentionSpecs.sinks(backend, none, none, -Float.MAX_VALUE, 1));
    for (int row = 0; row < TOKENS; row++) {
      for (int head = 0; head < HEADS - 1; head++) {
        assertThat(with[row][head]).as("row %d, head %d", row, head).isEqualTo(without[row][head]);
      }
      assertThat(with[row][HEADS - 1]).isNotEqualTo(without[row][HEADS - 1]);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void a_sink_that_is_no_number_reaches_its_own_head_and_no_other(DType kvType) {
    CpuActivations qkv = queriesKeysAndValues();
    float[][][] clean = attend(qkv, kvType, AttentionSpecs.sinks(backend, 3, 1, -2, 0));
    float[][][] actual = attend(qkv, kvType, AttentionSpecs.sinks(backend, 3, Float.NaN, -2, 0));
    for (int row = 0; row < TOKENS; row++) {
      for (int head = 0; head < HEADS; head++) {
        if (head == 1) {
          assertThat(actual[row][head]).as("row %d", row).containsOnly(Float.NaN);
        } else {
          assertThat(actual[row][head]).as("row %d", row).isEqualTo(clean[row][head]);
        }
      }
    }
  }
}
