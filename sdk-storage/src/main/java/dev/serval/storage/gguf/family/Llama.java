package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.StoredModel;
import dev.serval.storage.gguf.architecture.Windows;
import java.util.List;

/**
 * Llama and those like it. Converters reorder the rows of queries and keys of some so that elements
 * that are turned together are neighbours.
 */
final class Llama {
  static final List<Architecture> ALL =
      Description.all(
          // Mistral where there is a window, and Mixtral where there are experts.
          Description.of("llama", "LlamaForCausalLM", "llama")
              .positions(Positions.NEIGHBOURS)
              .names(OwnNames.MIXTRAL_ROUTER)
              .window(Llama::mistral)
              .experts(OwnNames.MIXTRAL_EXPERTS, Llama::mixtral),
          Description.of("arcee", "ArceeForCausalLM", "arcee")
              .positions(Positions.NEIGHBOURS)
              .activation("relu2"),
          // Which is a Llama under other names.
          Description.of("internlm2", "LlamaForCausalLM", "llama").positions(Positions.NEIGHBOURS),
          // Ministral 3, and Mistral Small 3 where its texts are told apart.
          Description.of("mistral3", "Ministral3ForCausalLM", "ministral3")
              .positions(Positions.NEIGHBOURS)
              .translates(Keys.QUERY_GROWTH, Keys.YARN_SHARE),
          Description.of("orion", "OrionForCausalLM", "orion").centred("rms_norm_eps"),
          Description.of("pangu-embedded", "PanguEmbeddedForCausalLM", "PanguEmbedded")
              .otherwiseBiased()
              .own((model, fields) -> fields.put("bias", model.weights().attentionBias())),
          Description.of("seed_oss", "SeedOssForCausalLM", "seed_oss")
              .names(OwnNames.POST_ATTENTION)
              .own(
                  (model, fields) -> fields.put("attention_bias", model.weights().attentionBias())),
          Description.of("smollm3", "SmolLM3ForCausalLM", "smollm3")
              .positions(Positions.NEIGHBOURS));

  private Llama() {}

  private static void mistral(StoredModel model, Fields fields) {
    if (Windows.has(model)) {
      fields.called("MistralForCausalLM", "mistral");
    }
    Windows.any(model, fields);
  }

  /** With a window or not. */
  private static void mixtral(StoredModel model, Fields fields) {
    if (model.experts().any()) {
      fields.called("MixtralForCausalLM", "mixtral");
      model.experts().putCounts(fields, "num_local_experts");
    }
  }
}
