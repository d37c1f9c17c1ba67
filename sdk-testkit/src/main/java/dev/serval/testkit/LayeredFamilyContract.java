package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.Gemma4Models;
import dev.serval.testkit.models.SmallModel;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Families whose layers differ in their heads, attend to what others have stored or have inputs of
 * their own; a part of {@link FamilyForwardContract}.
 */
abstract class LayeredFamilyContract extends TurnedFamilyContract {
  private static final int VOCABULARY = 91;
  private static final String POSITIONS = "rope_parameters";
  private static final double[] WINDOWED =
      ReferenceModel.frequencies(Gemma4Models.HEAD_DIM, Gemma4Models.THETA);

  LayeredFamilyContract() {}

  /** Of a head that sees everything, of whose pairs the first so many turn. */
  private static double[] first(int pairs) {
    double[] frequencies =
        ReferenceModel.frequencies(Gemma4Models.FULL_HEAD_DIM, Gemma4Models.FULL_THETA);
    Arrays.fill(frequencies, pairs, frequencies.length, 0);
    return frequencies;
  }

  private void check(SmallModel model, IntPredicate slides, int pairs) {
    check(model, new Gemma4Reference(model, slides, WINDOWED, first(pairs))::logits);
  }

  private static SmallModel ofTwoSizes(DType dtype) {
    return Gemma4Models.ofTwoSizes(91, dtype, VOCABULARY);
  }

  private static boolean third(int layer) {
    return layer != 2 && layer != 4;
  }

  @Test
  void gemma4_has_larger_heads_and_values_made_of_keys_where_a_layer_sees_everything() {
    for (DType dtype : exactTypes()) {
      check(ofTwoSizes(dtype), LayeredFamilyContract::third, 2);
    }
    check(
        ofTwoSizes(DType.F32).without("final_logit_softcapping"), LayeredFamilyContract::third, 2);
  }

  @Test
  void gemma4_turns_a_share_of_the_pairs_of_such_heads() {
    Map<Double, Integer> pairs = Map.of(0.05, 0, 0.3, 2, 0.5, 4, 1.0, 8);
    pairs.forEach((share, turned) -> {
      Map<String, Object> positions =
          Map.of(
              "full_attention",
              Gemma4Models.proportional(share),
              "sliding_attention",
              Gemma4Models.unscaled());
      check(ofTwoSizes(DType.F32).with(POSITIONS, positions), LayeredFamilyContract::third, turned);
    });
  }

  @Test
  void gemma4_may_have_divisors_that_keep_pairs_from_turning() {
    List<Double> divisors =
        Stream.concat(Collections.nCopies(2, 1.0).stream(), Collections.nCopies(6, 1e30).stream())
            .toList();
    SmallModel model =
        ofTwoSizes(DType.F32)
            .without(POSITIONS)
            .with("rope_theta", Gemma4Models.FULL_THETA)
            .with("partial_rotary_factor", 1.0)
            .with("rope_local_base_freq", Gemma4Models.THETA)
            .with("rope_scaling", Map.of("rope_type", "divisors", "divisors", divisors));
    check(model, LayeredFamilyContract::third, 2);
  }

  @Test
  void gemma4_may_have_layers_that_multiply_nothing() {
    SmallModel model = ofTwoSizes(DType.F32).with("layer_scalars", false);
    model.eachLayer(layer -> model.withoutTensor(layer + "layer_scalar"));
    check(model, LayeredFamilyContract::third, 2);
  }

  @Test
  void gemma4_may_have_experts_beside_the_dense_part_of_each_layer() {
    for (DType dtype : exactTypes()) {
      SmallModel model = Gemma4Models.withExperts(93, dtype, VOCABULARY);
      check(model, LayeredFamilyContract::third, 2);
    }
  }

  private static SmallModel withInputs(DType dtype) {
    return Gemma4Models.withInputs(92, dtype, VOCABULARY);
  }

  private static boolean second(int layer) {
    return layer != 1 && layer != 4;
  }

  @Test
  void gemma4_has_inputs_of_each_layer_and_wide_layers_that_attend_to_what_others_have_stored() {
    for (DType dtype : exactTypes()) {
      check(withInputs(dtype), LayeredFamilyContract::second, 2);
    }
    check(Gemma4Models.withoutUnused(withInputs(DType.F32)), LayeredFamilyContract::second, 2);
  }

  @Test
  void gemma4_may_have_inputs_of_each_layer_and_keys_and_values_of_each_layer_too() {
    SmallModel model =
        withInputs(DType.F32).with("num_kv_shared_layers", 0L).with("use_double_wide_mlp", false);
    for (int layer : new int[] {4, 5}) {
      String mlp = "model.layers." + layer + ".mlp.";
      model
          .withMatrix(mlp + "gate_proj.weight", 53, 37)
          .withMatrix(mlp + "up_proj.weight", 53, 37)
          .withMatrix(mlp + "down_proj.weight", 37, 53);
    }
    check(model, LayeredFamilyContract::second, 2);
  }
}
