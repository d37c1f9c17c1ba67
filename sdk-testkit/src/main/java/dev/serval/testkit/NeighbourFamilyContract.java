package dev.serval.testkit;

import dev.serval.api.compute.DType;
import dev.serval.testkit.ReferenceModel.Rules;
import dev.serval.testkit.ReferenceModel.Ways;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.BranchNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import org.junit.jupiter.api.Test;

/** Families whose positions turn neighbours; a part of {@link FamilyForwardContract}. */
abstract class NeighbourFamilyContract extends CentredFamilyContract {
  NeighbourFamilyContract() {}

  private static SmallModel glm4(DType dtype) {
    SmallModel model =
        SmallModel.of(
                "Glm4ForCausalLM",
                26,
                dtype,
                ODD,
                Extras.NONE.biases(true, false, false).with(BranchNorms.BOTH))
            .with("attention_bias", true)
            .with("partial_rotary_factor", 0.6);
    model.eachLayer(layer -> {
      String afterAttention = layer + "post_attention_layernorm.weight";
      fuseGates(model, layer);
      model
          .renamed(afterAttention, layer + "post_self_attn_layernorm.weight")
          .renamed(layer + "pre_feedforward_layernorm.weight", afterAttention)
          .renamed(
              layer + "post_feedforward_layernorm.weight", layer + "post_mlp_layernorm.weight");
    });
    return model;
  }

  @Test
  void glm4_has_norms_at_both_ends_and_turns_neighbours_in_a_part_of_a_head() {
    double[] ofSix = ReferenceModel.frequencies(6, 10_000);
    for (DType dtype : exactTypes()) {
      SmallModel model = glm4(dtype);
      check(model, neighbours(model, ofSix));
    }
  }

  @Test
  void glm_turns_neighbours_in_half_of_a_head_and_may_have_one_map_of_queries_keys_and_values() {
    Sizes eight = new Sizes(91, 37, 53, 3, 6, 2, 8);
    double[] ofHalf = ReferenceModel.frequencies(4, 10_000);
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("GlmForCausalLM", 45, dtype, eight, Extras.NONE.biases(true, false, false))
              .with("attention_bias", true);
      model.eachLayer(layer -> fuseGates(model, layer));
      check(model, neighbours(model, ofHalf));
      model.eachLayer(layer -> {
        fuseInputs(model, layer, ".weight");
        fuseInputs(model, layer, ".bias");
      });
      check(model.with("qkv_together", true), neighbours(model, ofHalf));
    }
  }

  private static ReferenceModel neighbours(SmallModel model, double[] frequencies) {
    Ways ways = ReferenceModel.plain(model);
    return new ReferenceModel(model, new Rules(layer -> frequencies, layer -> NONE, 1, true, ways));
  }

  @Test
  void ernie_turns_neighbours_and_is_tied_unless_it_says_otherwise() {
    for (DType dtype : exactTypes()) {
      SmallModel model =
          SmallModel.of("Ernie4_5ForCausalLM", 28, dtype, ODD, Extras.NONE)
              .with("use_bias", false)
              .withoutTensor("lm_head.weight");
      check(model, neighbours(model, PLAIN));
    }
    SmallModel model =
        SmallModel.of(
                "Ernie4_5ForCausalLM", 29, DType.F32, ODD, Extras.NONE.biases(true, true, true))
            .with("use_bias", true)
            .with("tie_word_embeddings", false);
    check(model, neighbours(model, PLAIN));
  }
}
