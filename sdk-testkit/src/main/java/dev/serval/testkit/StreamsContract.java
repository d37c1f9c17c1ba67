package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What several residual streams are mixed by, and gates of which most are left out; a part of
 * {@link ComputeBackendContract}.
 */
abstract class StreamsContract extends LogitsContract {
  private static final int ROWS = 9;
  private static final int[] WIDTHS = {1, 3, 8, 65, 200, 2500};

  StreamsContract() {}

  private List<float[][]> streams(Random random, int count, int columns) {
    return Stream.generate(() -> floats(random, ROWS, columns)).limit(count).toList();
  }

  private List<Activations> put(List<float[][]> streams) {
    return streams.stream().map(probe::put).toList();
  }

  @Test
  void rows_are_added_to_others_by_shares_of_each_row() {
    Random random = new Random(40);
    for (int columns : WIDTHS) {
      for (int[] counts : new int[][] {{1, 1}, {1, 4}, {4, 1}, {3, 2}, {8, 8}}) {
        List<float[][]> in = streams(random, counts[0], columns);
        List<float[][]> before = streams(random, counts[1], columns);
        float[][] shares = floats(random, ROWS, counts[0] * counts[1]);
        List<Activations> out = put(before);
        backend.mix(BackendProbe.step(ROWS), put(in), probe.put(shares), out);
        checkMixed(in, shares, before, out);
      }
    }
  }

  @Test
  void rows_that_are_mixed_with_each_other_count_as_they_were_before() {
    Random random = new Random(41);
    for (int columns : WIDTHS) {
      for (int count : new int[] {2, 4, 8}) {
        List<float[][]> before = streams(random, count, columns);
        float[][] shares = floats(random, ROWS, count * count);
        List<Activations> rows = put(before);
        backend.mix(BackendProbe.step(ROWS), rows, probe.put(shares), rows);
        checkMixed(before, shares, before, rows);
      }
    }
  }

  @Test
  void rows_may_be_mixed_in_another_order_and_those_of_no_step_stay_as_they_are() {
    Random random = new Random(42);
    List<float[][]> before = streams(random, 2, 37);
    float[][] shares = floats(random, ROWS, 4);
    List<Activations> rows = put(before);
    backend.mix(BackendProbe.step(ROWS - 2), rows, probe.put(shares), rows.reversed());
    for (int i = 0; i < 2; i++) {
      float[][] actual = probe.get(rows.get(1 - i), ROWS);
      for (int row = 0; row < ROWS - 2; row++) {
        double[] expected = mixed(before, shares[row], i, before.get(1 - i)[row], row);
        assertRow(actual[row], expected, 10, "row " + row);
      }
      for (int row = ROWS - 2; row < ROWS; row++) {
        assertThat(actual[row]).containsExactly(before.get(1 - i)[row]);
      }
    }
  }

  private void checkMixed(
      List<float[][]> in, float[][] shares, List<float[][]> before, List<Activations> out) {
    for (int i = 0; i < out.size(); i++) {
      float[][] actual = probe.get(out.get(i), ROWS);
      for (int row = 0; row < ROWS; row++) {
        double[] expected = mixed(in, shares[row], i, before.get(i)[row], row);
        String of = "%d into %d of %d columns".formatted(in.size(), out.size(), expected.length);
        assertRow(actual[row], expected, 10.0 * in.size(), of);
      }
    }
  }

  private static double[] mixed(
      List<float[][]> in, float[] shares, int out, float[] before, int row) {
    double[] sums = Float64.widen(before);
    for (int j = 0; j < in.size(); j++) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] += (double) shares[out * in.size() + j] * in.get(j)[row][i];
      }
    }
    return sums;
  }

  @Test
  void a_mixed_row_has_the_same_bits_alone_and_among_others() {
    Random random = new Random(43);
    List<float[][]> before = streams(random, 4, 1100);
    float[][] shares = floats(random, ROWS, 16);
    List<Activations> rows = put(before);
    backend.mix(BackendProbe.step(ROWS), rows, probe.put(shares), rows);
    for (int row = 0; row < ROWS; row += 4) {
      int at = row;
      List<Activations> alone =
          before.stream().map(stream -> probe.put(new float[][] {stream[at]})).toList();
      backend.mix(BackendProbe.step(1), alone, probe.put(new float[][] {shares[row]}), alone);
      for (int i = 0; i < 4; i++) {
        assertThat(probe.get(alone.get(i), 1)[0])
            .containsExactly(probe.get(rows.get(i), ROWS)[row]);
      }
    }
  }

  @Test
  void rows_that_cannot_be_mixed_are_refused() {
    StepBatch batch = BackendProbe.step(2);
    Activations one = probe.buffer(2, 5);
    Activations other = probe.buffer(2, 5);
    List<Activations> both = List.of(one, other);
    Activations shares = probe.buffer(2, 4);
    backend.mix(batch, both, shares, both);
    refused(() -> backend.mix(batch, both, probe.buffer(2, 3), both));
    refused(() -> backend.mix(batch, both, probe.buffer(1, 4), both));
    refused(() -> backend.mix(batch, both, shares, List.of(one, one)));
    refused(() -> backend.mix(batch, both, shares, List.of(one, probe.buffer(2, 6))));
    refused(() -> backend.mix(batch, List.of(one, probe.buffer(1, 5)), shares, both));
    refused(() -> backend.mix(batch, List.of(), shares, both));
    refused(() -> backend.mix(batch, both, shares, List.of()));
    Activations own = probe.buffer(2, 1);
    refused(() -> backend.mix(batch, List.of(probe.buffer(2, 1)), own, List.of(own)));
    List<Activations> many = Collections.nCopies(OperandChecks.MOST_MIXED + 1, one);
    refused(() -> backend.mix(batch, many, probe.buffer(2, many.size()), List.of(other)));
    try (ComputeBackend foreign = open(1)) {
      Activations its = foreign.activations(2, 5);
      refused(() -> backend.mix(batch, List.of(one, its), shares, both));
      refused(() -> backend.mix(batch, both, foreign.activations(2, 4), both));
      refused(() -> backend.mix(batch, both, shares, List.of(one, its)));
    }
  }

  @Test
  void rows_become_as_large_as_others() {
    Random random = new Random(44);
    for (int columns : WIDTHS) {
      float[][] like = floats(random, ROWS, columns);
      float[][] in = floats(random, ROWS, columns);
      Arrays.fill(in[2], 0);
      Arrays.fill(like[3], 0);
      Arrays.fill(in[4], 0);
      in[4][0] = 1e-6f;
      Activations rows = probe.put(in);
      backend.rescale(BackendProbe.step(ROWS - 1), probe.put(like), rows);
      float[][] out = probe.get(rows, ROWS);
      for (int row = 0; row < ROWS - 1; row++) {
        double wanted = meanSquare(like[row]);
        double factor = Math.sqrt(wanted / Math.max(meanSquare(in[row]), 1e-5));
        double[] expected = Arrays.stream(Float64.widen(in[row])).map(x -> x * factor).toArray();
        assertRow(out[row], expected, 10, columns + " columns, row " + row);
      }
      assertThat(out[ROWS - 1]).containsExactly(in[ROWS - 1]);
    }
    StepBatch batch = BackendProbe.step(1);
    Activations three = probe.buffer(1, 3);
    refused(() -> backend.rescale(batch, three, three));
    refused(() -> backend.rescale(batch, three, probe.buffer(1, 4)));
    refused(() -> backend.rescale(BackendProbe.step(2), three, probe.buffer(2, 3)));
  }

  private static double meanSquare(float[] row) {
    double[] wide = Float64.widen(row);
    return Float64.dot(wide, wide) / wide.length;
  }

  @Test
  void rows_may_be_multiplied_by_a_vector() {
    Random random = new Random(45);
    for (int columns : WIDTHS) {
      float[][] in = floats(random, ROWS, columns);
      float[] factors = floats(random, 1, columns)[0];
      Activations out = probe.buffer(ROWS, columns);
      Weight vector = probe.vector(DType.F32, factors);
      backend.multiply(BackendProbe.step(ROWS), probe.put(in), vector, out);
      float[][] actual = probe.get(out, ROWS);
      for (int row = 0; row < ROWS; row++) {
        float[] expected = in[row].clone();
        for (int i = 0; i < columns; i++) {
          expected[i] *= factors[i];
        }
        assertThat(actual[row]).containsExactly(expected);
      }
    }
    StepBatch batch = BackendProbe.step(1);
    Weight three = probe.vector(DType.F32, new float[3]);
    Activations rows = probe.buffer(1, 3);
    refused(() -> backend.multiply(batch, rows, three, rows));
    refused(() -> backend.multiply(batch, rows, three, probe.buffer(1, 4)));
    Weight four = probe.vector(DType.F32, new float[4]);
    refused(() -> backend.multiply(batch, rows, four, probe.buffer(1, 3)));
  }

  /** They may be of 16 bits where nothing is loaded but what is, too. */
  @Test
  void rows_that_are_multiplied_may_be_operands() {
    Random random = new Random(46);
    float[][] in = BackendProbe.random(random, DType.BF16, 35, 72);
    float[] factors = new float[72];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = i % 3 - 1;
    }
    try (ComputeBackend other = open(2)) {
      BackendProbe own = new BackendProbe(other, arena);
      Weight identity = own.matrix(DType.BF16, BackendProbe.identity(72));
      Weight vector = own.vector(DType.BF16, factors);
      Activations rows = other.activations(35, 72);
      other.embed(BackendProbe.step(35), own.matrix(DType.BF16, in), rows);
      Activations operand = other.operands(35, 72);
      other.multiply(BackendProbe.step(35), rows, vector, operand);
      Logits products = other.logits(35, 72);
      other.project(BackendProbe.sequences(35), operand, identity, null, products);
      float[][] actual = BackendProbe.values(products);
      for (int row = 0; row < 35; row++) {
        double[] expected = Float64.widen(in[row]);
        Arrays.setAll(expected, i -> expected[i] * factors[i]);
        assertRow(actual[row], expected, 1, "row " + row);
      }
    }
  }

  @Test
  void gates_are_left_that_stand_out_from_the_others() {
    Random random = new Random(47);
    for (int count : WIDTHS) {
      for (float deviations : new float[] {-1, 0, 0.5f, 1.6448536f, 40}) {
        float[][] in = floats(random, ROWS, 2 * count);
        Activations rows = probe.put(in);
        backend.sparsify(BackendProbe.step(ROWS - 1), deviations, rows);
        float[][] out = probe.get(rows, ROWS);
        for (int row = 0; row < ROWS - 1; row++) {
          double[] expected = Float64.withSparseGates(Float64.widen(in[row]), deviations);
          assertRow(
              Arrays.copyOf(out[row], count),
              Arrays.copyOf(expected, count),
              10 + 10 * Math.abs(deviations),
              "%d gates, %s deviations".formatted(count, deviations));
          assertThat(Arrays.copyOfRange(out[row], count, 2 * count))
              .containsExactly(Arrays.copyOfRange(in[row], count, 2 * count));
        }
        assertThat(out[ROWS - 1]).containsExactly(in[ROWS - 1]);
      }
    }
  }

  @Test
  void gates_far_from_0_are_left_as_others_are() {
    float[] in = new float[200];
    Random random = new Random(48);
    for (int i = 0; i < 100; i++) {
      in[i] = 1000 + (float) random.nextGaussian();
    }
    Activations rows = probe.put(new float[][] {in});
    backend.sparsify(BackendProbe.step(1), 1, rows);
    double[] expected = Float64.withSparseGates(Float64.widen(in), 1);
    float[] out = probe.get(rows, 1)[0];
    long left = IntStream.range(0, 100).filter(i -> out[i] > 0).count();
    assertThat(left).isBetween(8L, 24L);
    assertRow(out, expected, 3000, "far from 0");
  }

  @Test
  void gates_that_cannot_be_left_out_are_refused() {
    StepBatch batch = BackendProbe.step(1);
    Activations three = probe.buffer(1, 3);
    Activations four = probe.buffer(1, 4);
    refused(() -> backend.sparsify(batch, 1, three));
    refused(() -> backend.sparsify(BackendProbe.step(2), 1, four));
    refused(() -> backend.sparsify(batch, Float.NaN, four));
    refused(() -> backend.sparsify(batch, Float.NEGATIVE_INFINITY, four));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new SparseGate(GateFunction.SILU, Float.POSITIVE_INFINITY))
        .withMessageContaining("Infinity");
    Weight map = probe.matrix(DType.F32, new float[2][1]);
    Weight down = probe.matrix(DType.F32, new float[1][1]);
    RouterSpec router = RouterSpec.softmax(down, null, 1, true, 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new ExpertSpec(
                router,
                List.of(new FeedForwardMaps(map, down)),
                new SparseGate(GateFunction.SILU, 1)))
        .withMessageContaining("sparse");
  }

  @Test
  void streams_and_gates_of_another_backend_are_refused() {
    StepBatch batch = BackendProbe.step(1);
    Activations four = probe.buffer(1, 4);
    Weight vector = probe.vector(DType.F32, new float[4]);
    try (ComputeBackend other = open(1)) {
      BackendProbe foreign = new BackendProbe(other, arena);
      Activations its = foreign.buffer(1, 4);
      Weight itsVector = foreign.vector(DType.F32, new float[4]);
      refused(() -> backend.sparsify(batch, 1, its));
      refused(() -> backend.rescale(batch, its, four));
      refused(() -> backend.rescale(batch, four, its));
      refused(() -> backend.multiply(batch, its, vector, four));
      refused(() -> backend.multiply(batch, four, itsVector, probe.buffer(1, 4)));
      refused(() -> backend.multiply(batch, four, vector, its));
    }
  }
}
