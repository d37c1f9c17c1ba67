package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Scores and the rows they are of; a part of {@link ComputeBackendContract}. */
abstract class LogitsContract extends ExpertContract {
  LogitsContract() {}

  @Test
  void a_softcap_keeps_scores_small() {
    Random random = new Random(14);
    for (int vocabulary : new int[] {1, 7, 64, 5000}) {
      float[][] in = floats(random, 3, 4);
      float[][] head = floats(random, vocabulary, 4);
      StepBatch batch = BackendProbe.sequences(3);
      Logits logits = backend.logits(3, vocabulary);
      backend.project(batch, probe.put(in), probe.matrix(DType.F32, head), null, logits);
      float[][] scores = BackendProbe.values(logits);
      backend.softcap(batch, 1.5f, logits);
      float[][] actual = BackendProbe.values(logits);
      for (int row = 0; row < 3; row++) {
        double[] expected = Float64.widen(scores[row]);
        Arrays.setAll(expected, i -> Float64.softcapped(expected[i], 1.5));
        assertRow(actual[row], expected, 10, vocabulary + " tokens");
      }
      refused(() -> backend.softcap(batch, 0, logits));
      refused(() -> backend.softcap(batch, Float.NaN, logits));
    }
  }

  @Test
  void logits_are_those_of_the_last_row_of_each_sequence_that_wants_them_and_of_drafted_ones() {
    Random random = new Random(8);
    float[][] hidden = floats(random, 10, 5);
    float[][] head = floats(random, 300, 5);
    StepBatch batch = new StepBatch(10, 5);
    batch.add(new int[3], 0, 3, BlockTable.EMPTY, true);
    batch.add(new int[2], 0, 2, BlockTable.EMPTY, false);
    batch.add(new int[1], 0, 1, BlockTable.EMPTY, true);
    batch.addDraft(new int[9], 6, 3, BlockTable.EMPTY);
    batch.add(new int[9], 8, 1, BlockTable.EMPTY, true);
    Logits logits = backend.logits(6, 300);
    backend.project(batch, probe.put(hidden), probe.matrix(DType.F32, head), null, logits);
    assertThat(logits.rows()).isEqualTo(6);
    assertThat(logits.vocabulary()).isEqualTo(300);
    float[][] actual = BackendProbe.values(logits);
    float[] bias = floats(random, 1, 300)[0];
    backend.project(
        batch,
        probe.put(hidden),
        probe.matrix(DType.F32, head),
        probe.vector(DType.F32, bias),
        logits);
    float[][] biased = BackendProbe.values(logits);
    int[] sources = {2, 5, 6, 7, 8, 9};
    for (int row = 0; row < sources.length; row++) {
      double[] in = Float64.widen(hidden[sources[row]]);
      assertRow(actual[row], Float64.linear(in, head, NO_BIAS), 6, "row " + row);
      assertRow(biased[row], Float64.linear(in, head, bias), 7, "biased row " + row);
    }
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> logits.row(6))
        .withMessageContaining("6");
  }

  @Test
  void a_step_that_wants_no_logits_has_none() {
    Logits logits = backend.logits(1, 4);
    Weight head = probe.matrix(DType.F32, new float[4][2]);
    backend.project(BackendProbe.step(3), probe.put(new float[3][2]), head, null, logits);
    assertThat(logits.rows()).isZero();
  }

  @Test
  void rows_that_logits_are_wanted_of_are_moved_to_the_front_or_all_are_left() {
    float[][] rows = floats(new Random(12), 9, 5);
    StepBatch batch = new StepBatch(9, 5);
    batch.add(new int[3], 0, 3, BlockTable.EMPTY, false);
    batch.add(new int[] {4, 5}, 0, 2, BlockTable.EMPTY, true);
    batch.add(new int[1], 0, 1, BlockTable.EMPTY, false);
    batch.addDraft(new int[9], 3, 2, BlockTable.EMPTY);
    batch.add(new int[9], 8, 1, BlockTable.EMPTY, true);
    Activations buffer = probe.put(rows);
    if (backend.gather(batch, buffer)) {
      float[][] moved = probe.get(buffer, 4);
      assertThat(moved[0]).containsExactly(rows[4]);
      assertThat(moved[1]).containsExactly(rows[6]);
      assertThat(moved[2]).containsExactly(rows[7]);
      assertThat(moved[3]).containsExactly(rows[8]);
      refused(() -> backend.gather(batch, probe.buffer(8, 5)));
    } else {
      assertThat(probe.get(buffer, 9)).isDeepEqualTo(rows);
    }
  }

  @Test
  void where_rows_are_moved_a_step_of_none_does_nothing() {
    StepBatch none = new StepBatch(1, 1);
    Activations out = probe.put(new float[][] {{7, 7}});
    if (!backend.gather(none, out)) {
      return;
    }
    Weight square = probe.matrix(DType.F32, new float[2][2]);
    Activations in = probe.put(new float[][] {{1, 2}});
    backend.norm(none, in, new Norm.RootMeanSquare(probe.vector(DType.F32, new float[2]), 1), out);
    backend.linearAdd(none, in, square, null, out);
    backend.normAdd(
        none, in, new Norm.RootMeanSquare(probe.vector(DType.F32, new float[2]), 1), out);
    backend.addScaled(none, in, 1, out);
    backend.gate(none, GateFunction.SILU, probe.buffer(1, 4), out);
    Logits logits = backend.logits(1, 2);
    backend.project(none, in, square, null, logits);
    backend.softcap(none, 1, logits);
    assertThat(logits.rows()).isZero();
    assertThat(probe.get(out, 1)[0]).containsExactly(7, 7);
  }

  @Test
  void buffers_in_the_place_of_scores_lie_side_by_side_and_scores_are_right_after_them() {
    Random random = new Random(13);
    float[][] wide = floats(random, 6, 50);
    float[][] narrow = floats(random, 7, 9);
    float[][] many = floats(random, 40, 33);
    float[][] weight = floats(random, 33, 40);
    float[][] last = floats(random, 4, 40);
    Weight head = probe.matrix(DType.F32, weight);
    float[] gain = floats(random, 1, 40)[0];
    Weight gains = probe.vector(DType.F32, gain);
    Logits logits = backend.logits(12, 33);
    Activations first = backend.activations(6, 50, logits);
    Activations second = backend.activations(7, 9, logits);
    Activations third = backend.activations(40, 33, logits);
    Activations operands = backend.operands(4, 40, logits);
    Activations rows = probe.put(last);
    for (int round = 0; round < 2; round++) {
      probe.put(wide, first);
      probe.put(narrow, second);
      probe.put(many, third);
      backend.norm(BackendProbe.step(4), rows, new Norm.RootMeanSquare(gains, 1e-3f), operands);
      assertThat(probe.get(first, 6)).isDeepEqualTo(wide);
      assertThat(probe.get(second, 7)).isDeepEqualTo(narrow);
      assertThat(probe.get(third, 40)).isDeepEqualTo(many);
      Activations mapped = probe.buffer(4, 33);
      backend.linear(BackendProbe.step(4), operands, head, null, mapped);
      float[][] actual = probe.get(mapped, 4);
      backend.project(BackendProbe.sequences(4), rows, head, null, logits);
      float[][] scores = BackendProbe.values(logits);
      for (int row = 0; row < 4; row++) {
        double[] normed = Float64.rmsNorm(Float64.widen(last[row]), gain, 1e-3f);
        assertRow(actual[row], Float64.linear(normed, weight, NO_BIAS), 60, "row " + row);
        double[] expected = Float64.linear(Float64.widen(last[row]), weight, NO_BIAS);
        assertRow(scores[row], expected, 41, "scores " + row);
      }
    }
  }
}
