package dev.serval.storage.gguf.architecture;

import java.util.List;

/** OLMo 2 and EXAONE 4, which have norms behind attention and feed-forward layers; and OLMoE. */
final class NormsBehind {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("exaone4", "Exaone4ForCausalLM", "exaone4")
              .names(OwnNames.END_NORMS)
              .window(Windows::ofSomeLayers),
          // OLMo 3 where there is a window.
          Description.of("olmo2", "Olmo2ForCausalLM", "olmo2")
              .names(OwnNames.END_NORMS)
              .window(NormsBehind::olmo3),
          Description.of("olmoe", "OlmoeForCausalLM", "olmoe")
              .names(OwnNames.ROUTER)
              .experts(OwnNames.EXPERTS, NormsBehind::experts));

  private NormsBehind() {}

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
