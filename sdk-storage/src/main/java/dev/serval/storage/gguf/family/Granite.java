package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.StateSizes;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** Granite 3 and 4, with multipliers. Each expert is named as Mixtral's are. */
final class Granite {
  private static final String TURNS = "rope.scaling.finetuned";

  /** The one expert that all rows go to is all there is in a model without others. */
  private static final Map<String, String> HYBRID =
      Map.of(
          "ffn_gate_shexp", "shared_mlp.gate_proj",
          "ffn_up_shexp", "shared_mlp.up_proj",
          "ffn_down_shexp", "shared_mlp.down_proj",
          "ffn_gate_inp", "block_sparse_moe.router.layer",
          "ffn_gate", "shared_mlp.gate_proj",
          "ffn_up", "shared_mlp.up_proj",
          "ffn_down", "shared_mlp.down_proj");

  static final List<Architecture> ALL =
      Description.all(
          granite("granite", "GraniteForCausalLM", "granite").own(Granite::turning),
          granite("granitemoe", "GraniteMoeForCausalLM", "granitemoe")
              .names(OwnNames.MIXTRAL_ROUTER)
              .experts(OwnNames.MIXTRAL_EXPERTS, Granite::experts)
              .own(Granite::turning),
          // Granite 4 with state spaces.
          granite("granitehybrid", "GraniteMoeHybridForCausalLM", "granitemoehybrid")
              .names(OwnNames.MAMBA)
              .names(HYBRID)
              .attendsInSomeLayers()
              .experts(OwnNames.MIXTRAL_EXPERTS, Granite::sharedAndOthers, Keys.SHARED_WIDTH)
              .own(Granite::hybrid));

  private Granite() {}

  /** Converted as Llama is. */
  private static Description granite(String key, String model, String modelType) {
    return Description.of(key, model, modelType)
        .positions(Positions.NEIGHBOURS)
        .translates(Keys.SCORE_SCALE, Keys.LOGIT_SCALE, Keys.EMBEDDING_SCALE, Keys.RESIDUAL_SCALE);
  }

  private static void experts(StoredModel model, Fields fields) {
    model.experts().putCounts(fields, "num_local_experts");
    fields.put("experts_apart", true);
  }

  /** The one that all rows go to is there without others, too, and as wide as the layer then. */
  private static void sharedAndOthers(StoredModel model, Fields fields) {
    fields.put("experts_apart", true);
    Experts experts = model.experts();
    if (experts.any()) {
      experts.putCounts(fields, "num_local_experts");
      fields.put("shared_intermediate_size", experts.sharedWidth());
    } else {
      fields.put("num_local_experts", 0L);
      fields.put("num_experts_per_tok", 0L);
      fields.put("shared_intermediate_size", model.width());
    }
  }

  private static void turning(StoredModel model, Fields fields) {
    model.metadata().requireUnlessMissing(TURNS);
    multipliers(model, fields);
  }

  private static void hybrid(StoredModel model, Fields fields) {
    boolean turns = model.metadata().flag(TURNS).orElse(true);
    multipliers(model, fields);
    fields.put("position_embedding_type", turns ? "rope" : "nope");
    fields.put("layer_types", model.attentionLayers().types("attention", "mamba"));
    StateSizes.mamba(model, fields);
  }

  /** A scale of 0 stands for none. */
  private static void multipliers(StoredModel model, Fields fields) {
    double scores = model.metadata().real(Keys.SCORE_SCALE, 0);
    fields.put(
        "attention_multiplier", scores == 0 ? 1 / Math.sqrt((double) model.headDim()) : scores);
    fields.put("embedding_multiplier", oneForNone(model, Keys.EMBEDDING_SCALE));
    fields.put("residual_multiplier", oneForNone(model, Keys.RESIDUAL_SCALE));
    fields.put("logits_scaling", oneForNone(model, Keys.LOGIT_SCALE));
  }

  private static double oneForNone(StoredModel model, String scale) {
    double value = model.metadata().real(scale, 0);
    return value == 0 ? 1 : value;
  }
}
