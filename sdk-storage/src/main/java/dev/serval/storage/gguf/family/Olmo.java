package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.StoredModel;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/** OLMo 2 and 3, and OLMoE. */
final class Olmo {
  static final List<Architecture> ALL =
      Description.all(
          // OLMo 3 where there is a window.
          Description.of("olmo2", "Olmo2ForCausalLM", "olmo2")
              .names(OwnNames.END_NORMS)
              .window(Olmo::olmo3),
          Description.of("olmoe", "OlmoeForCausalLM", "olmoe")
              .names(OwnNames.ROUTER)
              .experts(OwnNames.EXPERTS, Olmo::experts));

  private Olmo() {}

  private static void olmo3(StoredModel model, Fields fields) {
    if (Windows.has(model)) {
      fields.called("Olmo3ForCausalLM", "olmo3");
    }
    Windows.ofSomeLayers(model, fields);
  }

  /** Those who run such files never have shares add up to 1. */
  private static void experts(StoredModel model, Fields fields) {
    model.experts().putCounts(fields, "num_experts");
    fields.put("norm_topk_prob", false);
  }
}
