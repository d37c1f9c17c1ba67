package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.StateShape;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers that carry a state along in steps that are recorded, and operands as their output. */
final class CudaCarriedStatesTest extends CudaCase {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=9.0");

  private static final DeltaNetShape DELTA_NET = new DeltaNetShape(2, 4, 16, 24, 4);
  private static final StateSpaceShape STATE_SPACE = new StateSpaceShape(6, 12, 2, 16, 4);
  private static final int WIDTH = 72;
  private static final int TAPS = 3;
  private static final int TOKENS = 40;
  private static final int BLOCKS = 12;
  private static final int BLOCK_TOKENS = 8;

  @Override
  ComputeBackend open(NativeMemory host) {
    return GPU.provider().open(GPU.device(), ComputeOptions.of(1), host);
  }

  /** What can carry a state along. */
  enum Kind {
    DELTA_NET(
        CudaCarriedStatesTest.DELTA_NET.inputColumns(),
        CudaCarriedStatesTest.DELTA_NET.valueColumns(),
        CudaCarriedStatesTest.DELTA_NET.stateBytes()),
    STATE_SPACE(
        CudaCarriedStatesTest.STATE_SPACE.inputColumns(),
        CudaCarriedStatesTest.STATE_SPACE.inner(),
        CudaCarriedStatesTest.STATE_SPACE.stateBytes()),
    SHORT_CONVOLUTION(3 * WIDTH, WIDTH, ShortConvolutionSpec.stateBytes(WIDTH, TAPS));

    private final int inputs;
    private final int outputs;
    private final long stateBytes;

    Kind(int inputs, int outputs, long stateBytes) {
      this.inputs = inputs;
      this.outputs = outputs;
      this.stateBytes = stateBytes;
    }
  }

  /** An operation with its rules. */
  private interface Computation {
    void run(StepBatch batch, Activations in, KvMemory kv, Activations out);
  }

  private Computation computation(Kind kind) {
    return switch (kind) {
      case DELTA_NET -> deltaNet();
      case STATE_SPACE -> stateSpace();
      case SHORT_CONVOLUTION -> shortConvolution();
    };
  }

  private Computation deltaNet() {
    DeltaNetSpec spec =
        new DeltaNetSpec(
            DELTA_NET,
            true,
            numbers(DELTA_NET.taps() * DELTA_NET.channels()),
            positive(DELTA_NET.valueHeads()),
            numbers(DELTA_NET.valueHeads()),
            numbers(DELTA_NET.valueDim()),
            1e-5f);
    Activations between = rows(DELTA_NET.channels());
    return (batch, in, kv, out) -> backend.deltaNet(batch, in, spec, 0, kv, between, out);
  }

  private Computation stateSpace() {
    StateSpaceSpec spec =
        new StateSpaceSpec(
            STATE_SPACE,
            numbers(STATE_SPACE.taps() * STATE_SPACE.channels()),
            numbers(STATE_SPACE.channels()),
            positive(STATE_SPACE.heads()),
            numbers(STATE_SPACE.heads()),
            numbers(STATE_SPACE.heads()),
            numbers(STATE_SPACE.inner()),
            2,
            1e-5f);
    Activations between = rows(STATE_SPACE.channels());
    return (batch, in, kv, out) -> backend.stateSpace(batch, in, spec, 0, kv, between, out);
  }

  private Computation shortConvolution() {
    ShortConvolutionSpec spec = new ShortConvolutionSpec(WIDTH, TAPS, numbers(TAPS * WIDTH));
    return (batch, in, kv, out) -> backend.shortConvolution(batch, in, spec, 0, kv, out);
  }

  private float[] floats(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }

  private Weight numbers(int count) {
    return vector(floats(count));
  }

  private Weight positive(int count) {
    float[] numbers = floats(count);
    for (int i = 0; i < count; i++) {
      numbers[i] = Math.abs(numbers[i]);
    }
    return vector(numbers);
  }

  private Weight vector(float[] values) {
    MemorySegment data = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
    MemorySegment.copy(MemorySegment.ofArray(values), 0, data, 0, data.byteSize());
    return backend.load(
        List.of(new StoredTensor("vector", DType.F32, List.of((long) values.length), data)));
  }

  private Weight bf16(int rows, int columns) {
    MemorySegment data = MemorySegment.ofArray(new byte[rows * columns * Short.BYTES]);
    float[] values = floats(rows * columns);
    for (int i = 0; i < values.length; i++) {
      short bits = (short) (Float.floatToRawIntBits(values[i]) >>> Short.SIZE);
      data.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, bits);
    }
    List<Long> shape = List.of((long) rows, (long) columns);
    return backend.load(List.of(new StoredTensor("matrix", DType.BF16, shape, data)));
  }

  /** Of attention, which is not computed, and of the layer with a state. */
  private static BlockTable blocks(int... blocks) {
    BlockTable all = new BlockTable();
    Arrays.stream(blocks).flatMap(block -> IntStream.of(BLOCKS - 1, block)).forEach(all::add);
    return all;
  }

  private static void add(StepBatch batch, int from, int count, BlockTable blocks) {
    batch.add(IntStream.range(0, TOKENS).toArray(), from, count, blocks, true);
  }

  /** What a pass computes, and where it leaves it. */
  private final class Layer implements Consumer<StepBatch> {
    private final Weight table;
    private final Computation computation;
    private final Activations in;
    private final KvMemory kv;
    private final Activations out;

    Layer(Kind kind) {
      table = bf16(TOKENS, kind.inputs);
      computation = computation(kind);
      in = rows(kind.inputs);
      kv =
          backend.kvMemory(
              new KvLayout(1, 1, 8, BLOCK_TOKENS, DType.BF16, new StateShape(1, kind.stateBytes)),
              BLOCKS);
      out = rows(kind.outputs);
    }

    @Override
    public void accept(StepBatch batch) {
      compute(batch, out);
    }

    void compute(StepBatch batch, Activations to) {
      backend.embed(batch, table, in);
      computation.run(batch, in, kv, to);
    }

    float[][] step(StepBatch batch) {
      backend.step(batch, this);
      return DeviceRows.values(backend, out, batch.rows());
    }
  }

  private Activations rows(int columns) {
    return backend.activations(TOKENS, columns);
  }

  private StepBatch whole(BlockTable blocks) {
    StepBatch batch = new StepBatch(TOKENS, 1);
    add(batch, 0, TOKENS, blocks);
    return batch;
  }

  @ParameterizedTest
  @EnumSource
  void a_replayed_step_goes_on_from_the_states_of_its_own_sequences(Kind kind) {
    Layer layer = new Layer(kind);
    float[][] expected = layer.step(whole(blocks(3, 1, 4, 0, 5)));
    BlockTable early = blocks(2, 7, 1, 8, 11);
    BlockTable late = blocks(9, 0, 4, 5, 10);
    StepBatch prompts = new StepBatch(2 * TOKENS, 2);
    add(prompts, 0, 5, early);
    add(prompts, 0, 18, late);
    layer.step(prompts);
    for (int i = 0; 18 + i < TOKENS; i++) {
      StepBatch batch = new StepBatch(2, 2);
      add(batch, 18 + i, 1, late);
      add(batch, 5 + i, 1, early);
      float[][] given = layer.step(batch);
      assertThat(given[0]).as("row %d", 18 + i).containsExactly(expected[18 + i]);
      assertThat(given[1]).as("row %d", 5 + i).containsExactly(expected[5 + i]);
    }
    assertThat(backend.records()).isOne();
  }

  @ParameterizedTest
  @EnumSource
  void a_replayed_step_whose_blocks_are_not_there_is_refused(Kind kind) {
    Layer layer = new Layer(kind);
    StepBatch batch = new StepBatch(1, 1);
    for (int block : new int[] {0, 1, 2, BLOCKS}) {
      batch.clear();
      add(batch, 0, 1, blocks(block));
      if (block < BLOCKS) {
        layer.step(batch);
      }
    }
    assertThat(backend.records()).isOne();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> layer.step(batch))
        .withMessageContaining("no KV block " + BLOCKS);
  }

  @ParameterizedTest
  @EnumSource
  void an_operand_has_what_rows_have_rounded(Kind kind) {
    StepBatch batch = whole(blocks(3, 1, 4, 0, 5));
    Layer layer = new Layer(kind);
    Activations operand = backend.operands(TOKENS, kind.outputs);
    assertThat(((CudaActivations) operand).isOperand()).isTrue();
    layer.compute(batch, layer.out);
    layer.compute(batch, operand);
    assertSameProducts(batch, layer.out, operand);
  }

  @Test
  void an_operand_has_what_gates_let_through_rounded() {
    StepBatch batch = whole(blocks(3, 1, 4, 0, 5));
    Activations exact = rows(WIDTH);
    Activations gates = rows(WIDTH);
    Weight table = bf16(TOKENS, WIDTH);
    Activations operand = backend.operands(TOKENS, WIDTH);
    assertThat(((CudaActivations) operand).isOperand()).isTrue();
    backend.embed(batch, table, exact);
    backend.embed(batch, table, gates);
    backend.gateOutput(batch, gates, exact, operand);
    backend.gateOutput(batch, gates, exact, exact);
    assertSameProducts(batch, exact, operand);
  }

  /** Inputs of products are rounded on their way to those. */
  private void assertSameProducts(StepBatch batch, Activations rows, Activations operand) {
    Weight map = bf16(64, rows.columns());
    Activations products = rows(64);
    backend.linear(batch, rows, map, null, products);
    float[][] expected = DeviceRows.values(backend, products, TOKENS);
    backend.linear(batch, operand, map, null, products);
    assertThat(DeviceRows.values(backend, products, TOKENS)).isDeepEqualTo(expected);
  }

  @Test
  void gates_are_not_what_they_let_through_goes_to() {
    StepBatch batch = DeviceRows.step(0, 1);
    Activations gates = rows(8);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.gateOutput(batch, gates, rows(8), gates));
  }
}
