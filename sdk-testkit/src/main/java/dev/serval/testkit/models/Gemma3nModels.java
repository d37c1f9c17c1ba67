package dev.serval.testkit.models;

import dev.serval.api.compute.DType;
import dev.serval.testkit.models.SmallModel.Extras;
import dev.serval.testkit.models.SmallModel.Extras.BranchNorms;
import dev.serval.testkit.models.SmallModel.Extras.HeadNorms;
import dev.serval.testkit.models.SmallModel.Sizes;
import java.util.List;

/** Small models as Gemma 3n is, of six layers with several streams. */
public final class Gemma3nModels {
  /** How many positions back a layer with a window sees, its own included. */
  public static final int WINDOW = 6;

  /** The dimensions of a head. */
  public static final int HEAD_DIM = 8;

  /** How fast positions turn the heads of a layer with a window. */
  public static final double THETA = 10_000;

  /** Likewise, of one that sees everything. */
  public static final double FULL_THETA = 1_000;

  /** How many tokens have no inputs of layers. */
  public static final int WITHOUT_INPUTS = 7;

  private static final int HIDDEN = 37;
  private static final int INTERMEDIATE = 53;
  private static final int INPUTS = 8;
  private static final int RANK = 5;
  private static final String SLIDING = "sliding_attention";
  private static final String FULL = "full_attention";

  /** What routes are multiplied by, so that they are not next to nothing. */
  private static final int ROUTED = 30;

  private Gemma3nModels() {}

  /**
   * A model of which the second layer and the fifth see everything, the last two attend to what
   * others have stored, and the first two have sparse gates.
   *
   * @param seed of its weights
   * @param dtype how they are stored, a plain type
   * @param vocabulary how many tokens there are
   * @param streams how many streams there are
   * @return the model
   */
  public static SmallModel of(long seed, DType dtype, int vocabulary, int streams) {
    Sizes sizes = new Sizes(vocabulary, HIDDEN, INTERMEDIATE, 6, 4, 2, HEAD_DIM);
    Extras extras = Extras.NONE.with(HeadNorms.EACH).with(BranchNorms.BOTH);
    int tokens = vocabulary - WITHOUT_INPUTS;
    SmallModel model =
        SmallModel.of("Gemma3nForCausalLM", seed, dtype, sizes, extras)
            .without("hidden_act")
            .with("model_type", "gemma3n_text")
            .with("hidden_activation", "gelu_pytorch_tanh")
            .with("layer_types", List.of(SLIDING, FULL, SLIDING, SLIDING, FULL, SLIDING))
            .with("sliding_window", (long) WINDOW)
            .with("rope_theta", FULL_THETA)
            .with("rope_local_base_freq", THETA)
            .with("hidden_size_per_layer_input", (long) INPUTS)
            .with("vocab_size_per_layer_input", (long) tokens)
            .with("num_kv_shared_layers", 2L)
            .with("final_logit_softcapping", 1.5)
            .with("altup_num_inputs", (long) streams)
            .with("altup_active_idx", 0L)
            .with("altup_coef_clip", 120.0)
            .with("altup_correct_scale", true)
            .with("laurel_rank", (long) RANK)
            .with("activation_sparsity_pattern", List.of(0.6, 0.95, 0.0, 0.0, 0.0, 0.0))
            .tied();
    Gemma4Models.inputs(model, tokens, INPUTS);
    for (int map = 0; map < streams - 1; map++) {
      model
          .withMatrix("model.altup_projections." + map + ".weight", HIDDEN, HIDDEN)
          .withMatrix("model.altup_unembed_projections." + map + ".weight", HIDDEN, HIDDEN);
    }
    return model.eachLayer(layer -> layer(model, layer, streams));
  }

  private static void layer(SmallModel model, String layer, int streams) {
    model
        .withGains(layer + "pre_feedforward_layernorm.weight", HIDDEN)
        .withGains(layer + "post_feedforward_layernorm.weight", HIDDEN)
        .withVector(layer + "altup.router_norm.weight", HIDDEN, ROUTED)
        .withMatrix(layer + "altup.modality_router.weight", streams, HIDDEN)
        .withMatrix(layer + "altup.prediction_coefs.weight", streams * streams, streams)
        .withMatrix(layer + "altup.correction_coefs.weight", streams, streams)
        .withGains(layer + "altup.correct_output_scale", HIDDEN)
        .withMatrix(layer + "laurel.linear_left.weight", RANK, HIDDEN)
        .withMatrix(layer + "laurel.linear_right.weight", HIDDEN, RANK)
        .withGains(layer + "laurel.post_laurel_norm.weight", HIDDEN);
  }

  /**
   * Stores the maps of all streams together, and what the gates that are left out have less than,
   * as GGUF files do.
   *
   * @param model the model
   * @param deviations for each layer
   * @return the same
   */
  public static SmallModel together(SmallModel model, List<Double> deviations) {
    int maps = (int) model.number("altup_num_inputs") - 1;
    for (String name : List.of("model.altup_projections.", "model.altup_unembed_projections.")) {
      String[] parts = new String[maps];
      for (int map = 0; map < maps; map++) {
        parts[map] = name + map + ".weight";
      }
      model.fused(name + "weight", parts).reshaped(name + "weight", maps, HIDDEN, HIDDEN);
    }
    return model
        .without("activation_sparsity_pattern")
        .with("activation_sparsity_scale", deviations);
  }
}
