package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Experts;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;
import java.util.Map;

/** ERNIE 4.5. */
final class Ernie {
  private static final Map<String, String> CHOICE_BIAS =
      Map.of("exp_probs_b", "mlp.moe_statics.e_score_correction_bias");

  static final List<Architecture> ALL =
      Description.all(
          Description.of("ernie4_5", "Ernie4_5ForCausalLM", "ernie4_5")
              .positions(Positions.NEIGHBOURS),
          Description.of("ernie4_5-moe", "Ernie4_5_MoeForCausalLM", "ernie4_5_moe")
              .positions(Positions.NEIGHBOURS)
              .names(OwnNames.SHARED_EXPERTS)
              .names(CHOICE_BIAS)
              .experts(
                  OwnNames.EXPERTS,
                  Ernie::experts,
                  Keys.SHARED_EXPERTS,
                  Keys.SHARED_WIDTH,
                  Keys.DENSE_LAYERS));

  private Ernie() {}

  private static void experts(StoredModel model, Fields fields) {
    Experts experts = model.experts();
    fields.put("moe_num_experts", experts.count());
    fields.put("moe_k", experts.used());
    fields.put("moe_intermediate_size", experts.width());
    fields.put("moe_num_shared_experts", experts.shared());
    fields.put("moe_layer_start_index", experts.denseLayers());
  }
}
