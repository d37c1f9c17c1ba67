package dev.serval.storage.gguf.family;

import dev.serval.storage.gguf.architecture.Architecture;
import dev.serval.storage.gguf.architecture.Description;
import dev.serval.storage.gguf.architecture.Fields;
import dev.serval.storage.gguf.architecture.Keys;
import dev.serval.storage.gguf.architecture.LatentAttention;
import dev.serval.storage.gguf.architecture.OwnNames;
import dev.serval.storage.gguf.architecture.Positions;
import dev.serval.storage.gguf.architecture.RoutedExperts;
import dev.serval.storage.gguf.architecture.StoredModel;
import java.util.List;

/** DeepSeek, and dots.llm1, which has its experts. */
final class DeepSeek {
  static final List<Architecture> ALL =
      Description.all(
          Description.of("deepseek", "DeepseekForCausalLM", "deepseek")
              .positions(Positions.NEIGHBOURS)
              .names(OwnNames.SHARED_EXPERTS)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySoftmax, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS),
          // DeepSeek-V2 where experts are by softmax; V3 and others of its kind otherwise.
          Description.of("deepseek2", "DeepseekV3ForCausalLM", "deepseek_v3")
              .positions(Positions.LATENT)
              .names(OwnNames.SHARED_EXPERTS)
              .names(LatentAttention.NAMES)
              .experts(OwnNames.EXPERTS, DeepSeek::experts, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS)
              .translates(Keys.DRAFT_LAYERS, Keys.YARN_SHARE)
              .own(DeepSeek::own),
          Description.of("dots1", "Dots1ForCausalLM", "dots1")
              .names(OwnNames.SHARED_EXPERTS)
              .experts(OwnNames.EXPERTS, RoutedExperts::bySigmoid, Keys.DENSE_LAYERS)
              .translates(RoutedExperts.KEYS));

  private DeepSeek() {}

  /** What has experts by softmax is of its second generation. */
  private static void experts(StoredModel model, Fields fields) {
    if (!model.experts().any()) {
      return;
    }
    if (model.experts().scoredOtherwise()) {
      RoutedExperts.bySigmoid(model, fields);
      return;
    }
    fields.called("DeepseekV2ForCausalLM", "deepseek_v2");
    RoutedExperts.withShared(model, fields);
    boolean grouped = RoutedExperts.groups(model) != 1;
    fields.put("topk_method", grouped ? "group_limited_greedy" : "greedy");
  }

  private static void own(StoredModel model, Fields fields) {
    LatentAttention.translate(model, fields);
    fields.put("num_nextn_predict_layers", model.draftLayers());
  }
}
