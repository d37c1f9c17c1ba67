package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.OutOfNativeMemoryException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What every {@link ComputeBackend} does, measured against float64. Norms, activation functions,
 * scores, experts and attention, which every backend does too, are in the classes it extends.
 */
public abstract class ComputeBackendContract extends CarriedStateContract {
  private static final int[][] SHAPES = {
    {1, 1}, {3, 5}, {64, 64}, {7, 33}, {129, 17}, {96, 160}, {515, 18}, {1030, 31}
  };

  /** Made by JUnit. */
  protected ComputeBackendContract() {}

  @Test
  void it_says_what_it_is_and_where_it_runs() {
    assertThat(backend.description()).isNotBlank();
    assertThat(backend.device()).isEqualTo(device());
    assertThat(backend.numerics()).isEqualTo(backend.numerics());
    assertThat(provider().supports(device())).isTrue();
  }

  @Test
  void embeddings_are_the_rows_of_their_table_in_any_type() {
    Random random = new Random(1);
    for (DType dtype : BackendProbe.PLAIN) {
      for (int[] shape : SHAPES) {
        float[][] table = BackendProbe.random(random, dtype, shape[0], shape[1]);
        Weight weight = probe.matrix(dtype, table);
        int[] tokens = random.ints(5, 0, shape[0]).toArray();
        StepBatch batch = new StepBatch(5, 1);
        batch.add(tokens, 0, 5, BlockTable.EMPTY, false);
        Activations out = probe.buffer(5, shape[1]);
        backend.embed(batch, weight, out);
        float[][] rows = probe.get(out, 5);
        for (int row = 0; row < 5; row++) {
          assertThat(rows[row])
              .as("%s %s", dtype, Arrays.toString(shape))
              .containsExactly(table[tokens[row]]);
        }
      }
    }
  }

  @Test
  void embeddings_of_positions_are_the_rows_of_their_table_in_any_type() {
    Random random = new Random(2);
    for (DType dtype : BackendProbe.PLAIN) {
      for (int[] shape : SHAPES) {
        float[][] table = BackendProbe.random(random, dtype, shape[0] + 4, shape[1]);
        Weight weight = probe.matrix(dtype, table);
        StepBatch batch = new StepBatch(5, 2);
        int[] tokens = new int[shape[0] + 4];
        batch.add(tokens, shape[0] + 1, 3, BlockTable.EMPTY, false);
        batch.add(tokens, 1, 2, BlockTable.EMPTY, false);
        Activations out = probe.buffer(5, shape[1]);
        backend.embedPositions(batch, weight, out);
        float[][] rows = probe.get(out, 5);
        for (int row = 0; row < 5; row++) {
          assertThat(rows[row])
              .as("%s %s", dtype, Arrays.toString(shape))
              .containsExactly(table[batch.position(row)]);
        }
      }
    }
  }

  @Test
  void positions_that_a_table_does_not_have_are_refused() {
    Weight table = probe.matrix(DType.F32, new float[7][4]);
    Activations out = probe.buffer(2, 4);
    StepBatch batch = new StepBatch(2, 1);
    batch.add(new int[8], 6, 2, BlockTable.EMPTY, false);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> backend.embedPositions(batch, table, out))
        .withMessageContaining("position 7")
        .withMessageContaining("7 positions");
  }

  @Test
  void tokens_outside_the_vocabulary_are_refused() {
    Weight table = probe.matrix(DType.F32, new float[7][4]);
    Activations out = probe.buffer(1, 4);
    for (int token : new int[] {-1, 7, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      StepBatch batch = new StepBatch(1, 1);
      batch.add(new int[] {token}, 0, 1, BlockTable.EMPTY, false);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> backend.embed(batch, table, out))
          .withMessageContaining(String.valueOf(token))
          .withMessageContaining("7");
    }
  }

  @Test
  void a_linear_map_multiplies_and_adds_its_bias_in_any_type() {
    Random random = new Random(3);
    for (DType dtype : BackendProbe.PLAIN) {
      for (int[] shape : SHAPES) {
        for (int rows : new int[] {1, 5, 35}) {
          checkLinear(random, dtype, shape, rows);
        }
      }
    }
  }

  private void checkLinear(Random random, DType dtype, int[] shape, int rows) {
    float[][] weight = BackendProbe.random(random, dtype, shape[0], shape[1]);
    float[] bias =
        random.nextBoolean() ? BackendProbe.random(random, dtype, 1, shape[0])[0] : NO_BIAS;
    float[][] in = floats(random, rows, shape[1]);
    Activations out = probe.buffer(rows, shape[0]);
    Weight biasWeight = bias.length == 0 ? null : probe.vector(dtype, bias);
    backend.linear(
        BackendProbe.step(rows), probe.put(in), probe.matrix(dtype, weight), biasWeight, out);
    float[][] actual = probe.get(out, rows);
    for (int row = 0; row < rows; row++) {
      double[] expected = Float64.linear(Float64.widen(in[row]), weight, bias);
      assertRow(actual[row], expected, shape[1] + 1, dtype + Arrays.toString(shape));
    }
  }

  @Test
  void a_linear_map_can_be_added_to_what_is_there() {
    Random random = new Random(4);
    float[][] weight = floats(random, 70, 13);
    float[] bias = floats(random, 1, 70)[0];
    float[][] in = floats(random, 3, 13);
    float[][] before = floats(random, 3, 70);
    Activations out = probe.put(before);
    Weight matrix = probe.matrix(DType.F32, weight);
    StepBatch batch = BackendProbe.step(3);
    backend.linearAdd(batch, probe.put(in), matrix, probe.vector(DType.F32, bias), out);
    float[][] actual = probe.get(out, 3);
    for (int row = 0; row < 3; row++) {
      double[] expected = Float64.linear(Float64.widen(in[row]), weight, bias);
      for (int i = 0; i < expected.length; i++) {
        expected[i] += before[row][i];
      }
      assertRow(actual[row], expected, 15, "sum");
    }
  }

  @Test
  void each_head_goes_through_its_own_map_and_what_is_kept_stays_behind_it() {
    Random random = new Random(25);
    for (DType dtype : BackendProbe.PLAIN) {
      for (int[] shape : new int[][] {{3, 5}, {64, 64}, {7, 33}, {129, 17}, {96, 160}}) {
        for (int rows : new int[] {1, 5, 35}) {
          int kept = random.nextBoolean() ? 0 : 1 + random.nextInt(40);
          int behind = random.nextBoolean() ? 0 : 1 + random.nextInt(70);
          checkHeads(random, dtype, shape, rows, 1 + random.nextInt(4), kept, behind);
        }
      }
    }
  }

  private void checkHeads(
      Random random, DType dtype, int[] shape, int rows, int heads, int kept, int behind) {
    float[][] in = floats(random, rows, heads * (shape[1] + kept));
    float[][] rest = behind == 0 ? new float[0][] : floats(random, rows, behind);
    List<float[][]> maps =
        IntStream.range(0, heads)
            .mapToObj(_ -> BackendProbe.random(random, dtype, shape[0], shape[1]))
            .toList();
    HeadMaps weights =
        new HeadMaps(maps.stream().map(map -> probe.matrix(dtype, map)).toList(), kept);
    Activations out = probe.buffer(rows, heads * weights.outputStep() + behind);
    Activations last = behind == 0 ? null : probe.put(rest);
    backend.linearOfHeads(BackendProbe.step(rows), probe.put(in), weights, last, out);
    float[][] actual = probe.get(out, rows);
    for (int row = 0; row < rows; row++) {
      double[] expected = new double[out.columns()];
      for (int head = 0; head < heads; head++) {
        int from = head * weights.inputStep();
        int to = head * weights.outputStep();
        float[] own = Arrays.copyOfRange(in[row], from, from + shape[1]);
        double[] mapped = Float64.linear(Float64.widen(own), maps.get(head), NO_BIAS);
        System.arraycopy(mapped, 0, expected, to, shape[0]);
        for (int i = 0; i < kept; i++) {
          expected[to + shape[0] + i] = in[row][from + shape[1] + i];
        }
      }
      for (int i = 0; i < behind; i++) {
        expected[out.columns() - behind + i] = rest[row][i];
      }
      String what =
          "%s %s, %d heads, %d kept, %d behind"
              .formatted(dtype, Arrays.toString(shape), heads, kept, behind);
      assertRow(actual[row], expected, shape[1] + 1, what);
    }
  }

  @Test
  void a_head_of_a_row_has_the_same_bits_alone_and_among_others() {
    Random random = new Random(26);
    float[][] in = floats(random, 70, 3 * 37);
    List<Weight> maps =
        IntStream.range(0, 3)
            .mapToObj(
                _ -> probe.matrix(DType.BF16, BackendProbe.random(random, DType.BF16, 90, 37)))
            .toList();
    HeadMaps weights = new HeadMaps(maps, 0);
    Activations out = probe.buffer(70, 3 * 90);
    backend.linearOfHeads(BackendProbe.step(70), probe.put(in), weights, null, out);
    float[][] together = probe.get(out, 70);
    for (int row = 0; row < 70; row += 23) {
      Activations alone = probe.put(new float[][] {in[row]});
      backend.linearOfHeads(BackendProbe.step(1), alone, weights, null, out);
      assertThat(probe.get(out, 1)[0]).containsExactly(together[row]);
    }
  }

  @Test
  void maps_of_heads_that_do_not_fit_are_refused() {
    StepBatch batch = BackendProbe.step(1);
    Weight map = probe.matrix(DType.F32, new float[3][2]);
    HeadMaps maps = new HeadMaps(List.of(map, map), 1);
    Activations in = probe.buffer(1, 6);
    Activations out = probe.buffer(1, 8);
    backend.linearOfHeads(batch, in, maps, null, out);
    refused(() -> new HeadMaps(List.of(map, probe.matrix(DType.F32, new float[2][3])), 1));
    refused(() -> new HeadMaps(List.of(), 0));
    refused(() -> backend.linearOfHeads(batch, probe.buffer(1, 5), maps, null, out));
    refused(() -> backend.linearOfHeads(batch, in, maps, null, probe.buffer(1, 9)));
    refused(() -> backend.linearOfHeads(batch, in, maps, probe.buffer(1, 2), out));
    Weight vector = probe.vector(DType.F32, new float[2]);
    refused(() ->
        backend.linearOfHeads(batch, in, new HeadMaps(List.of(vector, vector), 1), null, out));
    try (ComputeBackend other = open(1)) {
      Weight foreign = new BackendProbe(other, arena).matrix(DType.F32, new float[3][2]);
      HeadMaps ofOther = new HeadMaps(List.of(foreign, foreign), 1);
      refused(() -> backend.linearOfHeads(batch, in, ofOther, null, out));
    }
  }

  @Test
  void stacked_tensors_are_one_weight() {
    Random random = new Random(5);
    for (DType dtype : BackendProbe.PLAIN) {
      float[][] all = BackendProbe.random(random, dtype, 50, 9);
      Weight stacked =
          backend.load(
              List.of(
                  probe.matrixTensor(dtype, Arrays.copyOfRange(all, 0, 33)),
                  probe.matrixTensor(dtype, Arrays.copyOfRange(all, 33, 34)),
                  probe.matrixTensor(dtype, Arrays.copyOfRange(all, 34, 50))));
      assertThat(stacked.rows()).isEqualTo(50);
      assertThat(stacked.columns()).isEqualTo(9);
      assertThat(stacked.dtype()).isEqualTo(dtype);
      float[] bias = BackendProbe.random(random, dtype, 1, 50)[0];
      Weight stackedBias =
          backend.load(
              List.of(
                  probe.vectorTensor(dtype, Arrays.copyOfRange(bias, 0, 34)),
                  probe.vectorTensor(dtype, Arrays.copyOfRange(bias, 34, 50))));
      Activations in = probe.put(floats(random, 2, 9));
      assertThat(linear(in, stacked, stackedBias, 50))
          .isDeepEqualTo(linear(in, probe.matrix(dtype, all), probe.vector(dtype, bias), 50));
    }
  }

  private float[][] linear(Activations in, Weight weight, Weight bias, int columns) {
    Activations out = probe.buffer(in.maxRows(), columns);
    backend.linear(BackendProbe.step(in.maxRows()), in, weight, bias, out);
    return probe.get(out, in.maxRows());
  }

  @Test
  void stacked_tensors_may_be_of_several_types() {
    Random random = new Random(6);
    float[][] top = BackendProbe.random(random, DType.F16, 40, 9);
    float[][] bottom = BackendProbe.random(random, DType.BF16, 70, 9);
    Weight stacked =
        backend.load(
            List.of(probe.matrixTensor(DType.F16, top), probe.matrixTensor(DType.BF16, bottom)));
    assertThat(stacked.rows()).isEqualTo(110);
    Activations in = probe.put(floats(random, 3, 9));
    float[][] both = linear(in, stacked, zeros(110), 110);
    float[][] ofTop = linear(in, probe.matrix(DType.F16, top), zeros(40), 40);
    float[][] ofBottom = linear(in, probe.matrix(DType.BF16, bottom), zeros(70), 70);
    for (int row = 0; row < both.length; row++) {
      assertThat(Arrays.copyOfRange(both[row], 0, 40)).isEqualTo(ofTop[row]);
      assertThat(Arrays.copyOfRange(both[row], 40, 110)).isEqualTo(ofBottom[row]);
    }
  }

  private Weight zeros(int length) {
    return probe.vector(DType.F32, new float[length]);
  }

  @Test
  void tensors_that_do_not_fit_together_are_refused() {
    float[][] narrow = new float[2][3];
    float[][] wide = new float[2][4];
    assertThatIllegalArgumentException().isThrownBy(() -> backend.load(List.of()));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            backend.load(
                List.of(
                    probe.matrixTensor(DType.F32, narrow), probe.matrixTensor(DType.F32, wide))));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            backend.load(
                List.of(
                    probe.matrixTensor(DType.F32, narrow),
                    probe.vectorTensor(DType.F32, narrow[0]))));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            backend.load(List.of(probe.tensor("cube", DType.F32, List.of(1L, 2L, 3L), narrow))));
  }

  @Test
  void a_step_does_its_operations_each_time() {
    Random random = new Random(11);
    float[][] table = floats(random, 9, 40);
    float[][] weight = floats(random, 33, 40);
    Weight embeddings = probe.matrix(DType.F32, table);
    Weight head = probe.matrix(DType.F32, weight);
    Activations rows = probe.buffer(4, 40);
    Logits logits = backend.logits(4, 33);
    Consumer<StepBatch> pass =
        step -> {
          backend.embed(step, embeddings, rows);
          backend.project(step, rows, head, null, logits);
        };
    for (int round = 0; round < 12; round++) {
      StepBatch batch = new StepBatch(4, 4);
      int[] tokens = random.ints(1 + round % 4, 0, 9).toArray();
      for (int token : tokens) {
        batch.add(new int[] {token}, 0, 1, BlockTable.EMPTY, true);
      }
      backend.step(batch, pass);
      float[][] actual = BackendProbe.values(logits);
      assertThat(actual).hasNumberOfRows(tokens.length);
      for (int row = 0; row < tokens.length; row++) {
        double[] expected = Float64.linear(Float64.widen(table[tokens[row]]), weight, NO_BIAS);
        assertRow(actual[row], expected, 41, "round " + round + ", row " + row);
      }
    }
  }

  @Test
  void numbers_that_are_none_stay_so_and_stay_in_their_row() {
    float[][] in = {{1, 2}, {Float.NaN, 1}, {Float.POSITIVE_INFINITY, 1}};
    Activations out = probe.buffer(3, 1);
    Weight weight = probe.matrix(DType.F32, new float[][] {{1, 1}});
    backend.linear(BackendProbe.step(3), probe.put(in), weight, null, out);
    Logits logits = backend.logits(3, 1);
    StepBatch batch = BackendProbe.sequences(3);
    backend.project(batch, out, probe.matrix(DType.F32, new float[][] {{1}}), null, logits);
    float[][] actual = BackendProbe.values(logits);
    assertThat(actual[0]).containsExactly(3);
    assertThat(actual[1]).containsExactly(Float.NaN);
    assertThat(actual[2]).containsExactly(Float.POSITIVE_INFINITY);
  }

  @Test
  void a_row_of_a_linear_map_has_the_same_bits_alone_and_among_others() {
    Random random = new Random(9);
    float[][] in = floats(random, 70, 37);
    Weight weight = probe.matrix(DType.BF16, BackendProbe.random(random, DType.BF16, 600, 37));
    Activations out = probe.buffer(70, 600);
    backend.linear(BackendProbe.step(70), probe.put(in), weight, null, out);
    float[][] together = probe.get(out, 70);
    for (int row = 0; row < 70; row += 23) {
      backend.linear(BackendProbe.step(1), probe.put(new float[][] {in[row]}), weight, null, out);
      assertThat(probe.get(out, 1)[0]).containsExactly(together[row]);
    }
  }

  @Test
  void what_another_backend_made_is_refused() {
    try (ComputeBackend other = open(1)) {
      BackendProbe foreign = new BackendProbe(other, arena);
      StepBatch batch = BackendProbe.step(1);
      Activations buffer = probe.buffer(1, 2);
      Weight square = probe.matrix(DType.F32, new float[2][2]);
      Weight gain = probe.vector(DType.F32, new float[2]);
      Weight foreignSquare = foreign.matrix(DType.F32, new float[2][2]);
      Weight foreignGain = foreign.vector(DType.F32, new float[2]);
      Activations foreignBuffer = foreign.buffer(1, 2);
      refused(() -> backend.embed(batch, foreignSquare, buffer));
      refused(() -> backend.embed(batch, square, foreignBuffer));
      refused(() -> backend.norm(batch, foreignBuffer, new Norm.RootMeanSquare(gain, 1), buffer));
      refused(() -> backend.norm(batch, buffer, new Norm.RootMeanSquare(foreignGain, 1), buffer));
      refused(() -> backend.linear(batch, buffer, foreignSquare, null, probe.buffer(1, 2)));
      refused(() -> backend.linear(batch, buffer, square, foreignGain, probe.buffer(1, 2)));
      refused(() -> backend.linearAdd(batch, foreignBuffer, square, null, buffer));
      Norm foreignBias = new Norm.Layer(gain, foreignGain, 1);
      refused(() -> backend.norm(batch, buffer, foreignBias, buffer));
      refused(
          () -> backend.normAdd(batch, foreignBuffer, new Norm.RootMeanSquare(gain, 1), buffer));
      refused(() -> backend.addScaled(batch, foreignBuffer, 1, buffer));
      refused(() -> backend.scale(batch, foreignBuffer, 1));
      refused(() -> backend.softcap(batch, 1, other.logits(1, 2)));
      refused(() -> backend.gate(batch, GateFunction.SILU, buffer, foreign.buffer(1, 1)));
      Activations foreignOut = foreign.buffer(1, 2);
      GateFunction silu = GateFunction.SILU;
      Activations free = probe.buffer(1, 2);
      refused(() -> backend.gateApart(batch, silu, foreignBuffer, buffer, 0, free));
      refused(() -> backend.gateApart(batch, silu, buffer, foreignBuffer, 0, free));
      refused(() -> backend.gateApart(batch, silu, buffer, buffer, 0, foreignOut));
      refused(() -> backend.activate(batch, UngatedFunction.GELU_TANH, buffer, foreignOut));
      refused(() -> backend.project(batch, buffer, foreignSquare, null, backend.logits(1, 2)));
      refused(() -> backend.project(batch, buffer, square, foreignGain, backend.logits(1, 2)));
      refused(() -> backend.project(batch, buffer, square, null, other.logits(1, 2)));
    }
  }

  @Test
  void what_does_not_fit_is_refused() {
    StepBatch batch = BackendProbe.step(2);
    Activations two = probe.buffer(2, 2);
    Activations three = probe.buffer(2, 3);
    Activations oneRow = probe.buffer(1, 2);
    Weight square = probe.matrix(DType.F32, new float[2][2]);
    Weight gain = probe.vector(DType.F32, new float[2]);
    refused(() -> backend.embed(batch, square, three));
    refused(() -> backend.embed(batch, square, oneRow));
    refused(() -> backend.norm(batch, three, new Norm.RootMeanSquare(gain, 1), three));
    refused(() -> backend.norm(batch, two, new Norm.RootMeanSquare(square, 1), two));
    refused(() -> backend.linear(batch, two, gain, null, probe.buffer(2, 2)));
    refused(() -> backend.linear(batch, two, square, null, two));
    refused(() -> backend.linear(batch, three, square, null, two));
    refused(() -> backend.linear(batch, two, square, square, probe.buffer(2, 2)));
    refused(() -> backend.normAdd(batch, two, new Norm.RootMeanSquare(gain, 1), two));
    Weight longer = probe.vector(DType.F32, new float[3]);
    refused(() -> backend.norm(batch, two, new Norm.Layer(gain, longer, 1), two));
    refused(() -> backend.norm(batch, two, new Norm.Layer(longer, null, 1), two));
    refused(() -> backend.activate(batch, UngatedFunction.RELU_SQUARED, two, three));
    refused(() -> backend.activate(batch, UngatedFunction.RELU_SQUARED, two, two));
    refused(() -> backend.project(batch, two, square, longer, backend.logits(2, 2)));
    refused(() -> backend.addScaled(batch, two, 1, two));
    refused(() -> backend.addScaled(batch, two, 1, three));
    refused(() -> backend.scale(batch, oneRow, 1));
    refused(() -> backend.gate(batch, GateFunction.SILU, three, two));
    refused(() -> backend.project(batch, two, square, null, backend.logits(1, 3)));
    refused(() -> backend.activations(0, 3));
    refused(() -> backend.kvMemory(new KvLayout(1, 1, 2, 4, DType.F32), 0));
  }

  @Test
  void memory_beyond_the_budget_is_refused() {
    KvLayout layout = new KvLayout(8, 8, 128, 16, DType.F32);
    assertThatExceptionOfType(OutOfNativeMemoryException.class)
        .isThrownBy(() -> backend.kvMemory(layout, 1 << 20));
  }

  @Test
  void it_can_be_closed_twice() {
    backend.close();
    backend.close();
  }
}
