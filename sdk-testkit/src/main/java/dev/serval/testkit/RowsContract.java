package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.FeedForwardRoom;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Norms, sums, activation functions and the feed-forward layers that have these between their maps;
 * a part of {@link ComputeBackendContract}.
 */
abstract class RowsContract extends StreamsContract {
  private static final int[] WIDTHS = {1, 3, 8, 65, 200};

  RowsContract() {}

  @Test
  void a_norm_divides_by_the_root_mean_square() {
    Random random = new Random(2);
    for (int columns : WIDTHS) {
      float[][] in = floats(random, 9, columns);
      float[] gain = floats(random, 1, columns)[0];
      Activations rows = probe.put(in);
      backend.norm(
          BackendProbe.step(9),
          rows,
          new Norm.RootMeanSquare(probe.vector(DType.F32, gain), 1e-3f),
          rows);
      float[][] out = probe.get(rows, 9);
      for (int row = 0; row < in.length; row++) {
        double[] expected = Float64.rmsNorm(Float64.widen(in[row]), gain, 1e-3f);
        assertRow(out[row], expected, 10, columns + " columns");
      }
    }
  }

  @Test
  void equal_parts_of_rows_may_be_normalised_by_themselves_and_in_their_place() {
    Random random = new Random(30);
    for (int part : new int[] {4, 8, 36, 128}) {
      for (int parts : new int[] {1, 2, 5}) {
        float[][] in = floats(random, 9, parts * part);
        float[] gain = floats(random, 1, part)[0];
        Norm norm = new Norm.RootMeanSquare(probe.vector(DType.F32, gain), 1e-3f);
        Activations rows = probe.put(in);
        Activations apart = probe.buffer(9, parts * part);
        backend.norm(BackendProbe.step(9), rows, norm, apart);
        backend.norm(BackendProbe.step(9), rows, norm, rows);
        float[][] out = probe.get(rows, 9);
        for (int row = 0; row < in.length; row++) {
          double[] expected = normsOfParts(in[row], gain);
          assertRow(out[row], expected, 10, "%d parts of %d columns".formatted(parts, part));
        }
        assertThat(probe.get(apart, 9)).isDeepEqualTo(out);
      }
    }
  }

  private static double[] normsOfParts(float[] row, float[] gain) {
    double[] norms = new double[row.length];
    for (int from = 0; from < row.length; from += gain.length) {
      double[] part = Float64.widen(Arrays.copyOfRange(row, from, from + gain.length));
      System.arraycopy(Float64.rmsNorm(part, gain, 1e-3f), 0, norms, from, gain.length);
    }
    return norms;
  }

  @Test
  void parts_that_norms_do_not_have_are_refused() {
    StepBatch batch = BackendProbe.step(1);
    Activations twelve = probe.buffer(1, 12);
    Weight four = probe.vector(DType.F32, new float[4]);
    Norm ofFour = new Norm.RootMeanSquare(four, 1);
    backend.norm(batch, twelve, ofFour, twelve);
    Activations six = probe.buffer(1, 6);
    refused(() -> backend.norm(batch, six, ofFour, six));
    refused(() -> backend.norm(batch, twelve, ofFour, probe.buffer(1, 8)));
    Norm ofSix = new Norm.RootMeanSquare(probe.vector(DType.F32, new float[6]), 1);
    refused(() -> backend.norm(batch, twelve, ofSix, twelve));
    refused(() -> backend.norm(batch, twelve, new Norm.Layer(four, null, 1), twelve));
    refused(() -> backend.normAdd(batch, twelve, ofFour, probe.buffer(1, 12)));
  }

  @Test
  void a_layer_norm_is_from_the_mean_and_may_have_a_bias() {
    Random random = new Random(16);
    for (int columns : WIDTHS) {
      for (boolean biased : new boolean[] {false, true}) {
        float[][] in = floats(random, 9, columns);
        float[] gain = floats(random, 1, columns)[0];
        float[] bias = biased ? floats(random, 1, columns)[0] : NO_BIAS;
        Activations rows = probe.put(in);
        Activations sums = probe.put(in);
        Norm norm = layerNorm(gain, bias);
        backend.normAdd(BackendProbe.step(9), rows, norm, sums);
        backend.norm(BackendProbe.step(9), rows, norm, rows);
        float[][] out = probe.get(rows, 9);
        float[][] added = probe.get(sums, 9);
        for (int row = 0; row < in.length; row++) {
          double[] expected = Float64.layerNorm(Float64.widen(in[row]), gain, bias, 1e-3f);
          assertRow(out[row], expected, 10, columns + " columns");
          for (int i = 0; i < columns; i++) {
            expected[i] += in[row][i];
          }
          assertRow(added[row], expected, 10, columns + " columns, added");
        }
      }
    }
  }

  private Norm layerNorm(float[] gain, float[] bias) {
    return new Norm.Layer(
        probe.vector(DType.F32, gain),
        bias.length == 0 ? null : probe.vector(DType.F32, bias),
        1e-3f);
  }

  @Test
  void a_norm_may_be_added_to_what_is_there() {
    Random random = new Random(12);
    for (int columns : WIDTHS) {
      float[][] in = floats(random, 9, columns);
      float[][] before = floats(random, 9, columns);
      float[] gain = floats(random, 1, columns)[0];
      Activations sums = probe.put(before);
      Weight gains = probe.vector(DType.F32, gain);
      backend.normAdd(
          BackendProbe.step(9), probe.put(in), new Norm.RootMeanSquare(gains, 1e-3f), sums);
      float[][] out = probe.get(sums, 9);
      for (int row = 0; row < in.length; row++) {
        double[] expected = Float64.rmsNorm(Float64.widen(in[row]), gain, 1e-3f);
        for (int i = 0; i < columns; i++) {
          expected[i] += before[row][i];
        }
        assertRow(out[row], expected, 10, columns + " columns");
      }
    }
  }

  @Test
  void rows_may_be_multiplied_and_added_to_what_is_there() {
    Random random = new Random(13);
    for (int columns : WIDTHS) {
      float[][] in = floats(random, 9, columns);
      float[][] before = floats(random, 9, columns);
      Activations sums = probe.put(before);
      backend.addScaled(BackendProbe.step(9), probe.put(in), 0.22f, sums);
      float[][] out = probe.get(sums, 9);
      for (int row = 0; row < in.length; row++) {
        double[] expected = Float64.widen(before[row]);
        for (int i = 0; i < columns; i++) {
          expected[i] += 0.22f * in[row][i];
        }
        assertRow(out[row], expected, 10, columns + " columns");
      }
    }
  }

  @Test
  void rows_may_be_multiplied_in_their_place_and_those_of_no_step_stay_as_they_are() {
    Random random = new Random(31);
    for (int columns : WIDTHS) {
      for (float factor : new float[] {0.22f, -3, 1}) {
        float[][] in = floats(random, 9, columns);
        Activations rows = probe.put(in);
        backend.scale(BackendProbe.step(7), rows, factor);
        float[][] out = probe.get(rows, 9);
        for (int row = 0; row < in.length; row++) {
          float[] expected = in[row].clone();
          for (int i = 0; i < columns; i++) {
            expected[i] *= row < 7 ? factor : 1;
          }
          assertThat(out[row]).as("%d columns by %s", columns, factor).containsExactly(expected);
        }
      }
    }
  }

  @Test
  void rows_multiplied_by_0_are_0_whatever_they_held() {
    float[] in = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -2, 3e38f};
    for (float factor : new float[] {0f, -0f}) {
      Activations rows = probe.put(new float[][] {in});
      backend.scale(BackendProbe.step(1), rows, factor);
      assertThat(probe.get(rows, 1)[0]).containsExactly(new float[in.length]);
    }
    Activations none = probe.put(new float[][] {{Float.NaN}});
    backend.scale(BackendProbe.step(1), none, 3);
    assertThat(probe.get(none, 1)[0]).containsExactly(Float.NaN);
  }

  @Test
  void a_norm_of_huge_and_of_tiny_numbers_does_not_overflow() {
    float[][] in = {{1e30f, -1e30f}, {1e-30f, 1e-30f}, {2e-30f, 0}};
    Weight gain = probe.vector(DType.F32, new float[] {1, 1});
    Norm square = new Norm.RootMeanSquare(gain, 1e-6f);
    Norm layer = new Norm.Layer(gain, null, 1e-6f);
    Activations rows = probe.put(in);
    backend.norm(BackendProbe.step(3), rows, square, rows);
    float[][] out = probe.get(rows, 3);
    assertRow(out[0], new double[] {1, -1}, 10, "huge");
    assertRow(out[1], new double[] {1e-27, 1e-27}, 1, "tiny");
    backend.norm(BackendProbe.step(3), probe.put(in), layer, rows);
    out = probe.get(rows, 3);
    assertRow(out[0], new double[] {1, -1}, 10, "huge, from the mean");
    assertRow(out[1], new double[] {0, 0}, 1, "alike, from the mean");
    assertRow(out[2], new double[] {1e-27, -1e-27}, 1, "tiny, from the mean");
  }

  @Test
  void the_gate_is_its_function_even_at_its_ends() {
    for (GateFunction function : GateFunction.values()) {
      checkGate(function);
    }
  }

  private void checkGate(GateFunction function) {
    float[][] in = {
      {0, 1, -1, 20, -20, 100, -100, 88, -88.7f, 0.01f, 1, -2, 3, -9, 5, 6, 7, 8, -8, 10},
    };
    Activations out = probe.buffer(1, 10);
    backend.gate(BackendProbe.step(1), function, probe.put(in), out);
    double[] expected = new double[10];
    for (int i = 0; i < 10; i++) {
      expected[i] = Float64.gated(function, in[0][i], in[0][10 + i]);
    }
    assertRow(probe.get(out, 1)[0], expected, 1000, function.name());
  }

  @Test
  void a_gate_or_an_up_that_is_no_number_gives_none() {
    float[][] in = {{Float.NaN, 1}, {1, Float.NaN}, {1, 1}};
    for (GateFunction function : GateFunction.values()) {
      Activations out = probe.buffer(3, 1);
      backend.gate(BackendProbe.step(3), function, probe.put(in), out);
      float[][] actual = probe.get(out, 3);
      assertThat(actual[0]).as("%s", function).containsExactly(Float.NaN);
      assertThat(actual[1]).as("%s", function).containsExactly(Float.NaN);
      assertThat(actual[2][0]).as("%s", function).isFinite();
    }
  }

  @Test
  void the_ups_of_gates_may_be_among_the_columns_of_other_rows() {
    Random random = new Random(32);
    for (GateFunction function : GateFunction.values()) {
      for (int columns : WIDTHS) {
        for (int first : new int[] {0, 1, 4, 67}) {
          float[][] gates = floats(random, 9, columns);
          float[][] ups = floats(random, 9, first + columns + random.nextInt(9));
          Activations out = probe.buffer(9, columns);
          backend.gateApart(
              BackendProbe.step(9), function, probe.put(gates), probe.put(ups), first, out);
          checkGates(function, gates, ups, first, probe.get(out, 9));
        }
      }
    }
  }

  private void checkGates(
      GateFunction function, float[][] gates, float[][] ups, int first, float[][] actual) {
    for (int row = 0; row < gates.length; row++) {
      double[] expected = new double[gates[row].length];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = Float64.gated(function, gates[row][i], ups[row][first + i]);
      }
      assertRow(actual[row], expected, 10, "%s from column %d".formatted(function, first));
    }
  }

  /** They may be of 16 bits where nothing is loaded but what is, too. */
  @Test
  void gates_whose_ups_lie_apart_may_give_operands() {
    Random random = new Random(33);
    float[][] gates = BackendProbe.random(random, DType.BF16, 35, 64);
    float[][] ups = BackendProbe.random(random, DType.BF16, 35, 192);
    try (ComputeBackend other = open(2)) {
      BackendProbe own = new BackendProbe(other, arena);
      Weight identity = own.matrix(DType.BF16, BackendProbe.identity(64));
      StepBatch batch = BackendProbe.step(35);
      Activations gating = other.activations(35, 64);
      Activations inputs = other.activations(35, 192);
      other.embed(batch, own.matrix(DType.BF16, gates), gating);
      other.embed(batch, own.matrix(DType.BF16, ups), inputs);
      Activations operand = other.operands(35, 64);
      Logits products = other.logits(35, 64);
      for (GateFunction function : GateFunction.values()) {
        other.gateApart(batch, function, gating, inputs, 64, operand);
        other.project(BackendProbe.sequences(35), operand, identity, null, products);
        checkGates(function, gates, ups, 64, BackendProbe.values(products));
      }
    }
  }

  @Test
  void gates_are_their_function_at_its_ends_as_well_where_ups_lie_apart() {
    float[] gates = {0, -1, 20, -20, 100, -100, 88, -88.7f, 0.01f, Float.NaN, 1};
    float[] ups = {1, -2, 3, -9, 5, 6, 7, 8, -8, 1, Float.NaN};
    float[][] gating = new float[gates.length][];
    float[][] others = new float[gates.length][];
    for (int row = 0; row < gates.length; row++) {
      gating[row] = new float[] {gates[row]};
      others[row] = new float[] {7, ups[row]};
    }
    StepBatch batch = BackendProbe.step(gates.length);
    for (GateFunction function : GateFunction.values()) {
      Activations out = probe.buffer(gates.length, 1);
      backend.gateApart(batch, function, probe.put(gating), probe.put(others), 1, out);
      float[][] actual = probe.get(out, gates.length);
      for (int row = 0; row < gates.length; row++) {
        double expected = Float64.gated(function, gates[row], ups[row]);
        if (Double.isNaN(expected)) {
          assertThat(actual[row][0]).as("%s of %s", function, gates[row]).isNaN();
        } else {
          assertRow(actual[row], new double[] {expected}, 1000, function.name());
        }
      }
    }
  }

  @Test
  void gates_and_ups_that_do_not_fit_are_refused() {
    StepBatch batch = BackendProbe.step(1);
    GateFunction silu = GateFunction.SILU;
    Activations gates = probe.buffer(1, 4);
    Activations ups = probe.buffer(1, 10);
    Activations out = probe.buffer(1, 4);
    backend.gateApart(batch, silu, gates, ups, 6, out);
    refused(() -> backend.gateApart(batch, silu, gates, ups, 7, out));
    refused(() -> backend.gateApart(batch, silu, gates, ups, -1, out));
    refused(() -> backend.gateApart(batch, silu, gates, ups, Integer.MAX_VALUE, out));
    refused(() -> backend.gateApart(batch, silu, ups, ups, 0, out));
    refused(() -> backend.gateApart(batch, silu, gates, ups, 0, gates));
    refused(() -> backend.gateApart(batch, silu, gates, out, 0, out));
    refused(() -> backend.gateApart(batch, silu, gates, probe.buffer(1, 3), 0, out));
    StepBatch two = BackendProbe.step(2);
    refused(() -> backend.gateApart(two, silu, gates, probe.buffer(2, 10), 0, probe.buffer(2, 4)));
  }

  @Test
  void what_has_no_gate_is_the_function_of_each_element_even_at_its_ends() {
    float[] in = {0, -0f, 1, -1, 20, -20, 100, -100, 88, -88.7f, 0.01f, -0.01f, 3, 1e18f, 1e-30f};
    for (UngatedFunction function : UngatedFunction.values()) {
      Activations out = probe.buffer(1, in.length);
      backend.activate(BackendProbe.step(1), function, probe.put(new float[][] {in}), out);
      double[] expected = Float64.activated(function, Float64.widen(in));
      float[] actual = probe.get(out, 1)[0];
      for (int i = 0; i < in.length; i++) {
        assertThat((double) actual[i])
            .as("%s of %s", function, in[i])
            .isCloseTo(expected[i], within(2e-6 * Math.abs(expected[i]) + 1e-6));
      }
    }
  }

  @Test
  void an_element_that_is_no_number_gives_none() {
    float[][] in = {{Float.NaN}, {2}};
    for (UngatedFunction function : UngatedFunction.values()) {
      Activations out = probe.buffer(2, 1);
      backend.activate(BackendProbe.step(2), function, probe.put(in), out);
      float[][] actual = probe.get(out, 2);
      assertThat(actual[0][0]).as("%s", function).isNaN();
      assertThat(actual[1][0]).as("%s", function).isFinite();
    }
  }

  @Test
  void a_feed_forward_layer_is_its_maps_and_the_function_between_them() {
    Random random = new Random(10);
    for (DType dtype : BackendProbe.PLAIN) {
      for (int[] shape : new int[][] {{1, 3}, {40, 64}, {65, 129}}) {
        for (ActivationFunction function : functions()) {
          checkFeedForward(random, function, dtype, 5, shape[0], shape[1]);
        }
      }
      checkFeedForward(random, GateFunction.SILU, dtype, 600, 8, 9);
      checkFeedForward(random, UngatedFunction.GELU_TANH, dtype, 600, 8, 9);
      checkFeedForward(random, new SparseGate(GateFunction.GELU_TANH, 0.5f), dtype, 600, 8, 9);
    }
  }

  private static List<ActivationFunction> functions() {
    Stream<SparseGate> sparse =
        Arrays.stream(GateFunction.values()).map(gate -> new SparseGate(gate, 0.5f));
    return Stream.concat(BackendProbe.functions().stream(), sparse).toList();
  }

  private void checkFeedForward(
      Random random, ActivationFunction function, DType dtype, int rows, int inner, int width) {
    int first = function.inputs(inner);
    float[][] gateUp = BackendProbe.random(random, dtype, first, width);
    float[] gateUpBias = BackendProbe.random(random, dtype, 1, first)[0];
    float[][] down = BackendProbe.random(random, dtype, width, inner);
    float[] downBias = BackendProbe.random(random, dtype, 1, width)[0];
    FeedForwardMaps maps =
        new FeedForwardMaps(
            probe.matrix(dtype, gateUp),
            probe.vector(dtype, gateUpBias),
            probe.matrix(dtype, down),
            probe.vector(dtype, downBias));
    float[][] in = floats(random, rows, width);
    float[][] before = floats(random, rows, width);
    for (int spareRows : new int[] {1, rows}) {
      for (boolean add : new boolean[] {false, true}) {
        List<Activations> spare =
            List.of(probe.buffer(spareRows, 2 * inner), probe.buffer(rows, inner));
        FeedForwardRoom room = backend.feedForwardRoom(function, rows, inner, spare);
        Activations out = probe.put(before);
        backend.feedForward(BackendProbe.step(rows), function, probe.put(in), maps, room, out, add);
        float[][] actual = probe.get(out, rows);
        for (int row = 0; row < rows; row++) {
          double[] gated =
              Float64.activated(
                  function, Float64.linear(Float64.widen(in[row]), gateUp, gateUpBias));
          double[] expected = Float64.linear(gated, down, downBias);
          for (int i = 0; add && i < width; i++) {
            expected[i] += before[row][i];
          }
          assertRow(
              actual[row],
              expected,
              10.0 * (width + inner),
              "%s, %d in %d, %s".formatted(dtype, inner, width, add ? "added" : "put"));
        }
      }
    }
  }
}
