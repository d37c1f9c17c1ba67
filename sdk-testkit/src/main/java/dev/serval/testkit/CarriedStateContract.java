package dev.serval.testkit;

import static dev.serval.testkit.StateCase.BLOCK;
import static dev.serval.testkit.StateCase.TOKENS;
import static dev.serval.testkit.StateCase.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Layers that carry a state along, and gates of outputs; a part of {@link ComputeBackendContract}.
 */
abstract class CarriedStateContract extends RowsContract {
  private static final List<DeltaNetShape> NETS =
      List.of(
          new DeltaNetShape(2, 4, 128, 128, 4),
          new DeltaNetShape(1, 1, 64, 64, 4),
          new DeltaNetShape(2, 6, 8, 12, 4),
          new DeltaNetShape(3, 3, 5, 7, 2),
          new DeltaNetShape(1, 2, 16, 96, 1));
  private static final List<StateSpaceShape> SPACES =
      List.of(
          new StateSpaceShape(4, 64, 1, 128, 4),
          new StateSpaceShape(4, 64, 2, 256, 4),
          new StateSpaceShape(6, 10, 2, 9, 3),
          new StateSpaceShape(3, 5, 3, 7, 1));

  CarriedStateContract() {}

  private StateCase.Room room() {
    return new StateCase.Room(backend, probe);
  }

  private List<StateCase> cases() {
    List<StateCase> cases = new ArrayList<>();
    for (DeltaNetShape shape : NETS) {
      cases.add(new StateCase.DeltaNet(room(), shape, false, 17));
      cases.add(new StateCase.DeltaNet(room(), shape, true, 19));
    }
    for (StateSpaceShape shape : SPACES) {
      cases.add(new StateCase.StateSpace(room(), shape, true, 1, 23));
      cases.add(new StateCase.StateSpace(room(), shape, false, 0, 29));
      cases.add(new StateCase.StateSpace(room(), shape, true, shape.groups(), 31));
    }
    for (int width : new int[] {1, 7, 256, 300}) {
      cases.add(new StateCase.ShortConvolution(room(), width, 3, 37));
      cases.add(new StateCase.ShortConvolution(room(), width, width % 3 + 1, 41));
    }
    return cases;
  }

  @Test
  void outputs_are_let_through_by_the_logistic_function_of_their_gates() {
    Random random = new Random(31);
    for (int columns : new int[] {1, 7, 64, 200, 2050}) {
      float[][] in = floats(random, 5, columns);
      float[][] gates = floats(random, 5, columns);
      gates[0][0] = 200;
      gates[1][0] = -200;
      Activations out = probe.buffer(5, columns);
      backend.gateOutput(BackendProbe.step(5), probe.put(gates), probe.put(in), out);
      float[][] given = probe.get(out, 5);
      for (int row = 0; row < 5; row++) {
        double[] expected = new double[columns];
        for (int i = 0; i < columns; i++) {
          expected[i] = in[row][i] * Float64.sigmoid(gates[row][i]);
        }
        assertRow(given[row], expected, 10, columns + " columns");
      }
    }
  }

  @Test
  void a_layer_remembers_what_came_before_a_row() {
    for (StateCase one : cases()) {
      double[][] expected = one.expected();
      float[][] actual = one.alone(TOKENS);
      for (int row = 0; row < TOKENS; row++) {
        assertRow(actual[row], expected[row], 100, "%s, row %d".formatted(one, row));
      }
    }
  }

  @Test
  void a_layer_gives_the_same_bits_however_a_sequence_is_cut() {
    for (StateCase one : cases()) {
      float[][] whole = one.alone(TOKENS);
      for (int chunk : new int[] {1, 2, 5, 8, 11}) {
        assertThat(one.alone(chunk)).as("%s by %d", one, chunk).isDeepEqualTo(whole);
      }
    }
  }

  @Test
  void a_layer_gives_the_same_bits_alone_and_beside_others() {
    for (StateCase one : cases()) {
      float[][] alone = one.alone(TOKENS);
      KvMemory kv = one.memory();
      float[][] beside = new float[TOKENS][];
      for (int from = 0; from < TOKENS; ) {
        int count = Math.min(from % 3 + 1, TOKENS - from);
        StepBatch batch = new StepBatch(2 * TOKENS, 2);
        batch.add(new int[TOKENS], from, count, one.table(from, 2, 4, 6, 0), false);
        batch.add(new int[TOKENS], from, count, one.table(from, 3, 5, 1, 7), false);
        float[][] rows = new float[2 * count][];
        for (int i = 0; i < count; i++) {
          rows[i] = one.rows[TOKENS - 1 - from - i];
          rows[count + i] = one.rows[from + i];
        }
        float[][] out = one.compute(batch, rows, kv);
        System.arraycopy(out, count, beside, from, count);
        from += count;
      }
      assertThat(beside).as(one.toString()).isDeepEqualTo(alone);
    }
  }

  @Test
  void a_full_block_has_all_that_a_sequence_needs_to_go_on_behind_it() {
    for (StateCase one : cases()) {
      float[][] alone = one.alone(TOKENS);
      KvMemory kv = one.memory();
      int end = 2 * BLOCK + 3;
      one.run(kv, new int[] {4, 2, 6, 0}, 0, end, 5);
      assertThat(one.run(kv, new int[] {4, 2, 7, 1}, 2 * BLOCK, TOKENS, 4))
          .as("%s, behind two blocks", one)
          .isDeepEqualTo(Arrays.copyOfRange(alone, 2 * BLOCK, TOKENS));
      assertThat(one.run(kv, new int[] {4, 2, 6, 0}, end, TOKENS, 3))
          .as("%s, going on", one)
          .isDeepEqualTo(Arrays.copyOfRange(alone, end, TOKENS));
    }
  }

  @Test
  void a_delta_network_refuses_what_does_not_fit() {
    DeltaNetShape shape = new DeltaNetShape(2, 4, 8, 8, 4);
    StateCase.DeltaNet one = new StateCase.DeltaNet(room(), shape, false, 41);
    DeltaNetSpec spec = one.spec;
    KvMemory kv = one.memory();
    StepBatch batch = twoRows(kv, 0);
    Activations in = probe.buffer(2, shape.inputColumns());
    Activations between = probe.buffer(2, shape.channels());
    Activations out = probe.buffer(2, shape.valueColumns());
    refused(() -> backend.deltaNet(batch, between, spec, 0, kv, between, out));
    refused(() -> backend.deltaNet(batch, in, spec, 0, kv, in, out));
    refused(() -> backend.deltaNet(batch, in, spec, 0, kv, between, between));
    refused(() -> backend.deltaNet(twoRows(kv, 99), in, spec, 0, kv, between, out));
    for (int state : new int[] {-1, 3}) {
      refused(() -> backend.deltaNet(batch, in, spec, state, kv, between, out));
    }
    KvMemory small = one.tooSmall();
    refused(() -> backend.deltaNet(batch, in, spec, 0, small, between, out));
    DeltaNetSpec wrong =
        new DeltaNetSpec(
            shape, false, spec.decay(), spec.decay(), spec.timeBias(), spec.norm(), 1e-5f);
    refused(() -> backend.deltaNet(batch, in, wrong, 0, kv, between, out));
    refused(() -> backend.gateOutput(batch, in, between, between));
    refused(() -> backend.gateOutput(batch, in, probe.buffer(2, shape.inputColumns()), in));
  }

  @Test
  void a_state_space_refuses_what_does_not_fit() {
    StateSpaceShape shape = new StateSpaceShape(4, 8, 2, 6, 4);
    StateCase.StateSpace one = new StateCase.StateSpace(room(), shape, true, 1, 43);
    StateSpaceSpec spec = one.spec;
    KvMemory kv = one.memory();
    StepBatch batch = twoRows(kv, 0);
    Activations in = probe.buffer(2, shape.inputColumns());
    Activations between = probe.buffer(2, shape.channels());
    Activations out = probe.buffer(2, shape.inner());
    refused(() -> backend.stateSpace(batch, out, spec, 0, kv, between, out));
    refused(() -> backend.stateSpace(batch, in, spec, 0, kv, in, out));
    refused(() -> backend.stateSpace(batch, in, spec, 0, kv, between, between));
    refused(() -> backend.stateSpace(twoRows(kv, 99), in, spec, 0, kv, between, out));
    for (int state : new int[] {-1, 3}) {
      refused(() -> backend.stateSpace(batch, in, spec, state, kv, between, out));
    }
    KvMemory small = one.tooSmall();
    refused(() -> backend.stateSpace(batch, in, spec, 0, small, between, out));
    StateSpaceSpec wrong =
        new StateSpaceSpec(
            shape,
            spec.convolution(),
            spec.decay(),
            spec.decay(),
            spec.timeBias(),
            spec.skip(),
            spec.norm(),
            1,
            1e-5f);
    refused(() -> backend.stateSpace(batch, in, wrong, 0, kv, between, out));
  }

  @Test
  void a_short_convolution_refuses_what_does_not_fit() {
    StateCase.ShortConvolution one = new StateCase.ShortConvolution(room(), 8, 3, 47);
    ShortConvolutionSpec spec = one.spec;
    KvMemory kv = one.memory();
    StepBatch batch = twoRows(kv, 0);
    Activations in = probe.buffer(2, 24);
    Activations out = probe.buffer(2, 8);
    refused(() -> backend.shortConvolution(batch, out, spec, 0, kv, out));
    refused(() -> backend.shortConvolution(batch, in, spec, 0, kv, in));
    refused(() -> backend.shortConvolution(twoRows(kv, 99), in, spec, 0, kv, out));
    for (int state : new int[] {-1, 3}) {
      refused(() -> backend.shortConvolution(batch, in, spec, state, kv, out));
    }
    KvMemory small = one.tooSmall();
    refused(() -> backend.shortConvolution(batch, in, spec, 0, small, out));
    ShortConvolutionSpec wrong = new ShortConvolutionSpec(8, 4, spec.kernel());
    refused(() -> backend.shortConvolution(batch, in, wrong, 0, kv, out));
  }

  private static StepBatch twoRows(KvMemory kv, int block) {
    StepBatch batch = new StepBatch(2, 1);
    batch.add(new int[2], 0, 2, table(kv.layout(), 0, block), false);
    return batch;
  }
}
