package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Gemma3nModels;
import dev.serval.testkit.models.SmallModel;
import java.util.Collections;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

/**
 * Families that have several streams from layer to layer; a part of {@link FamilyForwardContract}.
 */
abstract class StreamsFamilyContract extends LayeredFamilyContract {
  private static final int VOCABULARY = 91;
  private static final double NONE_SPARSE = Double.NEGATIVE_INFINITY;

  /** Those of its first two layers, for 0.6 and 0.95 (any table of the normal distribution). */
  private static final double[] SPARSE = sparse(0.2533471031357997, 1.6448536269514722);

  StreamsFamilyContract() {}

  private static double[] sparse(double... first) {
    return DoubleStream.concat(
            DoubleStream.of(first),
            DoubleStream.generate(() -> NONE_SPARSE).limit(6L - first.length))
        .toArray();
  }

  private static SmallModel gemma3n(DType dtype, int streams) {
    return Gemma3nModels.of(94, dtype, VOCABULARY, streams);
  }

  private void checkStreams(SmallModel model, double... sparsity) {
    int dim = Gemma3nModels.HEAD_DIM;
    double[] windowed = ReferenceModel.frequencies(dim, Gemma3nModels.THETA);
    double[] full = ReferenceModel.frequencies(dim, Gemma3nModels.FULL_THETA);
    Gemma3nReference reference =
        new Gemma3nReference(model, layer -> layer != 1 && layer != 4, windowed, full, sparsity);
    check(model, reference::logits);
  }

  @Test
  void gemma3n_has_streams_that_are_predicted_and_corrected_and_gates_most_of_which_are_left_out() {
    for (DType dtype : exactTypes()) {
      checkStreams(gemma3n(dtype, 4), SPARSE);
    }
  }

  @Test
  void gemma3n_may_have_other_numbers_of_streams_and_work_on_another_than_the_first() {
    checkStreams(gemma3n(DType.F32, 2), SPARSE);
    checkStreams(gemma3n(DType.F32, 2).with("altup_active_idx", 1L), SPARSE);
    checkStreams(gemma3n(DType.F32, 4).with("altup_active_idx", 2L), SPARSE);
    checkStreams(gemma3n(DType.F32, 3), SPARSE);
  }

  @Test
  void gemma3n_limits_the_weights_of_corrections() {
    checkStreams(gemma3n(DType.F32, 4).with("altup_coef_clip", 0.3), SPARSE);
    checkStreams(gemma3n(DType.F32, 4).without("altup_coef_clip"), SPARSE);
  }

  @Test
  void gemma3n_may_take_inputs_of_layers_by_what_is_corrected_alone() {
    SmallModel model = gemma3n(DType.F32, 4).with("altup_correct_scale", false);
    model.eachLayer(layer -> model.withoutTensor(layer + "altup.correct_output_scale"));
    checkStreams(model, SPARSE);
  }

  @Test
  void gemma3n_may_have_the_maps_of_all_streams_together_and_say_how_far_gates_stand_out() {
    List<Double> deviations = List.of(-0.5, NONE_SPARSE, 1.25, NONE_SPARSE, 0.0, NONE_SPARSE);
    SmallModel model = Gemma3nModels.together(gemma3n(DType.F32, 4), deviations);
    checkStreams(model, deviations.stream().mapToDouble(Double::doubleValue).toArray());
  }

  @Test
  void gemma3n_has_sparse_gates_in_its_first_ten_layers_if_it_has_more() {
    checkStreams(gemma3n(DType.F32, 4).without("activation_sparsity_pattern"), sparse());
  }

  @Test
  void gemma3n_may_have_layers_of_several_widths_that_all_keep_keys_and_values() {
    SmallModel model =
        gemma3n(DType.F32, 4)
            .with("num_kv_shared_layers", 0L)
            .with("intermediate_size", List.of(53L, 53L, 21L, 53L, 64L, 53L));
    for (int[] layer : new int[][] {{2, 21}, {4, 64}}) {
      String mlp = "model.layers." + layer[0] + ".mlp.";
      model
          .withMatrix(mlp + "gate_proj.weight", layer[1], 37)
          .withMatrix(mlp + "up_proj.weight", layer[1], 37)
          .withMatrix(mlp + "down_proj.weight", 37, layer[1]);
    }
    checkStreams(model, SPARSE);
  }

  @Test
  void gemma3n_may_leave_out_none_of_its_gates() {
    SmallModel model =
        gemma3n(DType.F32, 4)
            .with("activation_sparsity_pattern", Collections.nCopies(6, 0.0))
            .with("intermediate_size", Collections.nCopies(6, 53L));
    checkStreams(model, sparse());
  }
}
